"""The proof of what moved: counts by stage, and a run that stops when something frozen moves."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import pytest
import torch

import toys
from headstart.core.errors import TrainingError
from headstart.core.recipe import Stage
from headstart.core.types import Defaults, Tuning
from headstart.engine.proof import in_words
from headstart.strategies._groups import head_group

STAGE = Stage(steps=3, batch_size=8, lr=1e-2)


def run(tmp_path, strategy, **more):
    backbone = toys.source("timm:test_resnet")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(model)
    events = []
    outcome = toys.train(tmp_path, model, data, strategy, stage=STAGE, listen=events.append, **more)
    return model, before, outcome, events


def test_counts_by_stage_are_those_of_the_tensors_that_changed(tmp_path):
    model, before, outcome, events = run(tmp_path, "partial")
    moved = toys.moved(before, model)
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    for stage, names in model.backbone.stages().items():
        expected = sum(sizes[f"backbone.{n}"] for n in names if f"backbone.{n}" in moved)
        assert outcome.moved[stage]["moved"] == expected
        assert (expected > 0) == (stage == "layer4")
    assert outcome.moved["heads.target"]["moved"] == outcome.moved["heads.target"]["parameters"] == 96 * 3 + 3
    assert in_words(outcome.moved) in [event.message for event in events]
    assert in_words(outcome.moved).endswith("(layer4, heads.target); bit-identical: stem, layer1, layer2, layer3")


@dataclasses.dataclass(frozen=True)
class Cheat:
    """Says that only the head learns, and changes something in the backbone with each forward pass."""

    what: str
    defaults: ClassVar[Defaults] = Defaults(lr=1e-2, epochs=1)

    def prepare(self, model: Any) -> Tuning:
        def creep(*_: Any) -> None:
            tensor = model.backbone.state_dict()[self.what]
            first = (0,) * tensor.ndim
            tensor[first] = torch.nextafter(tensor[first], torch.tensor(9.0))

        model.head.register_forward_hook(creep)
        return Tuning([head_group(model)])


@pytest.mark.parametrize("what", ["net.layer2.0.conv1.weight", "net.layer2.0.bn1.running_mean"])
def test_one_bit_of_one_frozen_tensor_stops_the_run(tmp_path, what):
    with pytest.raises(TrainingError, match=rf"1 of \d+ frozen tensors moved in training: backbone.{what}"):
        run(tmp_path, Cheat(what))


def test_a_stage_that_only_learns_the_head_after_one_that_learns_everything(tmp_path):
    later = Stage(
        strategy=dataclasses.replace(toys.Recipe().stages[0].objective, name="linear_probe"), steps=2, lr=1e-2
    )
    _, _, outcome, _ = run(tmp_path, "full", more=(dataclasses.replace(later, augment="plain", batch_size=8),))
    assert all(stage["moved"] for stage in outcome.moved.values())
