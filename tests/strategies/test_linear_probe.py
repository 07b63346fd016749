"""Claim: a linear probe leaves the backbone bit-identical, batch norm statistics included."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

import toys
from headstart.core.recipe import Stage
from headstart.core.types import Defaults, ParamGroup, Strategy, Tuning
from headstart.models.model import Model
from headstart.strategies.linear_probe import LinearProbe


def claim(folder: Path, strategy: Strategy, augment: str) -> None:
    backbone = toys.source("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before, head = toys.snapshot(model.backbone), toys.snapshot(model.head)
    stage = Stage(steps=4, batch_size=8, lr=1e-2, augment=augment)
    toys.train(folder, model, data, strategy, stage=stage)
    assert toys.moved(before, model.backbone) == set()
    assert toys.moved(head, model.head) == {"trunk.weight", "trunk.bias"}


@pytest.mark.parametrize("augment", ["plain", "weak"])  # with features computed once, and with a forward pass a step
def test_the_backbone_stays(tmp_path: Path, augment: str) -> None:
    claim(tmp_path, LinearProbe(), augment)


@dataclass(frozen=True)
class Cheat:
    """A probe that lets one stage of the backbone learn."""

    defaults: ClassVar[Defaults] = LinearProbe.defaults

    def prepare(self, model: Model) -> Tuning:
        tuning = LinearProbe().prepare(model)
        return Tuning([*tuning.groups, ParamGroup(list(model.stage_parameters().values())[-1])])


def test_the_claim_finds_a_probe_that_trains_the_backbone(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        claim(tmp_path, Cheat(), "none")
