"""Claim: until its turn a stage is bit-identical, batch norm statistics included, and evaluates; the last is first."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar

import pytest
import torch

import toys
from headstart.core.recipe import Stage
from headstart.core.types import Defaults, Event, Strategy
from headstart.models.model import frozen_modules_train
from headstart.strategies.gradual import Gradual
from headstart.strategies.layerwise_lr import LayerwiseLr

STAGES = ["stem", "layer1", "layer2", "layer3", "layer4"]
STEPS = 12  # the turns are at 2/12, 4/12 … of the way with unfreeze=1


def stages_moved(folder: Path, strategy: Strategy) -> list[set[str]]:
    """Train, and list after each step which stages are no longer bit-identical."""
    backbone = toys.source("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(backbone)
    modules = {"net.conv1": "stem", "net.bn1": "stem", **{f"net.{stage}": stage for stage in STAGES[1:]}}
    seen = []

    def listen(event: Event) -> None:
        if event.kind == "step":
            seen.append({modules[".".join(name.split(".")[:2])] for name in toys.moved(before, backbone)})
            assert frozen_modules_train(model) == []

    toys.train(folder, model, data, strategy, stage=Stage(steps=STEPS, batch_size=8, lr=1e-2), listen=listen)
    return seen


def claim(folder: Path, strategy: Strategy) -> None:
    for step, moved in enumerate(stages_moved(folder, strategy)):
        turns = step // 2
        assert moved == set(STAGES[len(STAGES) - turns :] if turns else []), f"step {step}"


def test_stages_wait_for_their_turn(tmp_path: Path) -> None:
    claim(tmp_path, Gradual(unfreeze=1.0))


def test_the_claim_finds_a_strategy_that_does_not_wait(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        claim(tmp_path, LayerwiseLr())


def test_the_schedule_ends_where_it_is_told_and_rates_fall_towards_the_input() -> None:
    backbone = toys.source("timm:test_resnet")
    model = toys.make_model(backbone, toys.dataset(backbone.card.input))
    groups = Gradual(unfreeze=0.5, decay=0.5, head_lr=3).prepare(model).groups
    assert [group.start for group in groups] == pytest.approx([5 / 12, 4 / 12, 3 / 12, 2 / 12, 1 / 12, 0])
    assert [group.lr_scale for group in groups] == [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 3]


def test_a_turn_lets_the_optimiser_start_afresh(tmp_path: Path) -> None:
    """Weight decay must not touch a stage that waits, however large it is."""
    backbone = toys.source("digits:cnn")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(backbone)

    @dataclasses.dataclass(frozen=True)
    class Never:
        defaults: ClassVar[Defaults] = Gradual.defaults

        def prepare(self, model):
            tuning = Gradual().prepare(model)
            return dataclasses.replace(
                tuning, groups=[dataclasses.replace(tuning.groups[0], start=2.0), *tuning.groups[1:]]
            )

    toys.train(tmp_path, model, data, Never(), stage=Stage(steps=6, batch_size=8, lr=0.1, weight_decay=5.0))
    stages = backbone.stages()
    assert not toys.moved(before, backbone) & set(stages["block1"])
    assert set(stages["block3"]) <= toys.moved(before, backbone)
    assert torch.isfinite(next(backbone.parameters())).all()


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Gradual(unfreeze=0)
