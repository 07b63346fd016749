"""Claim: with partial transfer exactly the last k stages and the head move."""

from __future__ import annotations

from pathlib import Path

import pytest

import toys
from headstart.core.errors import UsageError
from headstart.strategies.partial import Partial


@pytest.mark.parametrize("name", ["timm:test_resnet", "timm:test_vit", "digits:cnn"])
@pytest.mark.parametrize("k", [1, 2])
def test_only_the_last_stages_move(tmp_path: Path, name: str, k: int) -> None:
    backbone = toys.source(name)
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(model.backbone)
    last = {parameter for stage in list(backbone.stages().values())[-k:] for parameter in stage}
    toys.train(tmp_path, model, data, Partial(k=k))
    parameters = {parameter for parameter, _ in backbone.named_parameters()}
    assert toys.moved(before, model.backbone) & parameters == last


def test_more_stages_than_there_are() -> None:
    backbone = toys.source("digits:cnn")
    with pytest.raises(UsageError, match="has 3 stages"):
        Partial(k=9).prepare(toys.make_model(backbone, toys.dataset(backbone.card.input)))


def test_k_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Partial(k=0)
