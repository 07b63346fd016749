"""`freeze` and `unfreeze` go before what the strategy says; frozen tensors stay bit-identical."""

from __future__ import annotations

import pytest
import torch

import toys
from headstart.core.recipe import Stage
from headstart.models.operate import operate
from models.surgery.patients import toy


def trained(tmp_path, strategy, operations):
    backbone = operate(toy("timm:test_resnet"), operations).backbone
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(model)
    outcome = toys.train(tmp_path, model, data, strategy, stage=Stage(steps=2, batch_size=8, lr=1e-2))
    return toys.moved(before, model), outcome


def test_what_is_frozen_stays_under_full_fine_tuning(tmp_path):
    moved, outcome = trained(tmp_path, "full", ["freeze layers=stem,layer2.*"])
    assert moved and not any(n.startswith(("backbone.net.conv1", "backbone.net.layer2")) for n in moved)
    assert not any("net.bn1." in n for n in moved), "its statistics too"
    assert outcome.moved["stem"]["moved"] == 0 < outcome.moved["layer1"]["moved"]


@pytest.mark.parametrize("pattern", ["layer4", "layer4.0.conv1", "*.bn2", "net.layer4.0.conv1.weight"])
def test_what_is_unfrozen_learns_under_a_linear_probe(tmp_path, pattern):
    moved, _ = trained(tmp_path, "linear_probe", [f"unfreeze layers={pattern}"])
    backbone = {n for n in moved if n.startswith("backbone.") and "running" not in n and "num_batches" not in n}
    assert backbone
    inside = pattern.removeprefix("net.").removeprefix("*.")
    assert all(inside in n for n in backbone)


def test_the_later_one_counts(tmp_path):
    moved, _ = trained(tmp_path, "full", ["freeze layers=*", "unfreeze layers=layer4"])
    parameters = {n for n in moved if n.startswith("backbone.") and "running" not in n and "num_batches" not in n}
    assert parameters and all(n.startswith("backbone.net.layer4") for n in parameters)


def test_scratch_starts_anew_and_still_holds(tmp_path):
    moved, outcome = trained(tmp_path, "scratch", ["freeze layers=layer1"])
    assert outcome.moved["layer1"]["moved"] > 0, "fresh weights"
    assert torch.tensor([stage["frozen_identical"] for stage in outcome.moved.values()]).all() and moved
