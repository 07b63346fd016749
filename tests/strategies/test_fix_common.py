"""Claims: the common part stays the source's bit by bit; the private part starts at random, statistics included.

Learns.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import toys
from headstart.core.errors import UsageError
from headstart.strategies.fix_common import FixCommon


@pytest.mark.parametrize(("name", "k"), [("timm:test_resnet", None), ("timm:test_vit", 1), ("digits:cnn", 1)])
def test_the_common_part_is_fixed_and_the_private_part_is_new(tmp_path: Path, name: str, k: int | None) -> None:
    backbone = toys.source(name)
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(backbone)
    stages = backbone.stages()
    cut = len(stages) - 1 if k is None else k
    common = {parameter for stage in list(stages)[:cut] for parameter in stages[stage]}
    FixCommon(k=k).prepare(model)
    renewed = toys.moved(before, backbone)
    assert renewed and not renewed & common
    prepared = toys.snapshot(backbone)
    toys.train(tmp_path, model, data, FixCommon(k=k))
    assert not toys.moved(before, backbone) & common
    private = {parameter for parameter, _ in backbone.named_parameters()} - common
    assert toys.moved(prepared, backbone) >= private


def test_a_private_part_must_be_left() -> None:
    backbone = toys.source("digits:cnn")
    with pytest.raises(UsageError, match=r"has 3 stages .* the common part takes 1 to 2"):
        FixCommon(k=3).prepare(toys.make_model(backbone, toys.dataset(backbone.card.input)))
