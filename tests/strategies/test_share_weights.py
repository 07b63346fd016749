"""Claims: the common part starts as the source's and learns, slower than the private part, which starts at random."""

from __future__ import annotations

from pathlib import Path

import toys
from headstart.strategies.share_weights import ShareWeights


def test_the_common_part_starts_as_the_source_s_and_everything_learns(tmp_path: Path) -> None:
    backbone = toys.source("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(backbone)
    stages = backbone.stages()
    common = {parameter for stage in list(stages)[:-1] for parameter in stages[stage]}
    tuning = ShareWeights(private_lr=7).prepare(model)
    assert not toys.moved(before, backbone) & common
    assert [group.lr_scale for group in tuning.groups] == [1.0, 7, 7]
    toys.train(tmp_path, model, data, ShareWeights())
    assert toys.moved(before, backbone) >= {name for name, _ in backbone.named_parameters()}
