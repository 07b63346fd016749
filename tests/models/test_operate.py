"""Surgery as a whole: steps follow each other, are recorded, replayed exactly, and taken back one by one."""

from __future__ import annotations

import json

import pytest
import torch

import toys
from headstart.core.errors import UsageError
from headstart.models.cards import card_from_plain, card_to_plain
from headstart.models.dryrun import DryRunError, dry_run, show
from headstart.models.load import rebuild
from headstart.models.operate import operate, written
from headstart.models.surgery.cut import Cut
from headstart.models.surgery.insert import Insert
from models.surgery.patients import patient_after, toy

STEPS = [
    "adapt_input channels=1 size=64",
    "remove layers=blocks.1",
    "insert layer=linear after=blocks.2",
    "replace layers=*.act by=silu",
    "rename layer=blocks.0 to=start",
    "cut after=blocks.4",
]


def run(backbone, size=64):
    with torch.no_grad():
        return backbone.eval()(torch.rand(2, 1, size, size, generator=torch.Generator().manual_seed(0)))["pooled"]


def test_a_long_surgery_is_replayed_to_the_same_network_and_predictions():
    operated = operate(toy("timm:test_vit"), STEPS)
    plain = json.loads(json.dumps(card_to_plain(operated.backbone.card)))
    again = rebuild(card_from_plain(plain))
    again.load_state_dict(operated.backbone.state_dict())
    assert torch.equal(run(again), run(operated.backbone))
    assert again.stages() == operated.backbone.stages() and again.dim == operated.backbone.dim
    assert [entry["name"] for entry in plain["architecture"]["surgery"]["operations"]] == [
        step.split()[0] for step in STEPS
    ]


def test_surgery_on_surgery_is_one_record():
    once = operate(toy("timm:test_vit"), STEPS[:3]).backbone
    twice = operate(once, STEPS[3:]).backbone
    assert twice.card == operate(toy("timm:test_vit"), STEPS, seed=0).backbone.card
    again = rebuild(twice.card)
    again.load_state_dict(twice.state_dict())
    assert torch.equal(run(again), run(twice))


def test_steps_are_taken_back_one_by_one_bit_by_bit():
    source = toy("timm:test_vit")
    before = toys.snapshot(source)
    operated = operate(source, STEPS, seed=3)
    for parameter in operated.backbone.parameters():
        parameter.data.zero_()  # training goes on with the operated one
    assert operated.undo() is source and toys.moved(before, source) == set()
    two_less = operated.undo(2)
    assert toys.moved(toys.snapshot(operate(source, STEPS[:-2], seed=3).backbone), two_less) == set()
    with pytest.raises(UsageError, match="7 steps cannot be undone: 6 were done"):
        operated.undo(7)


def test_a_wrong_step_leaves_everything_as_it_was():
    source = toy("timm:test_vit")
    before, card = toys.snapshot(source), source.card
    with pytest.raises(UsageError, match=r"insert .* does not fit: layer 'blocks.3.norm1' gets \[B, 101, 5\]"):
        operate(source, ["remove layers=blocks.1", "insert layer=linear width=5 after=blocks.2"])
    assert toys.moved(before, source) == set() and source.card == card


def test_operations_are_objects_or_text():
    source = toy("timm:test_resnet")
    first = patient_after(source, Insert(layer="dropout", after="layer1", rate=0.5), Cut(after="layer2"))
    second = patient_after(source, "insert layer=dropout after=layer1 rate=0.5", "cut after=layer2")
    assert first.card == second.card
    assert written(Cut(after="layer2")) == {"name": "cut", "after": "layer2", "pool": "auto"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cutt after=a", "Did you mean 'cut'"),
        ("cut after", "NAME OPTION=VALUE"),
        ("", "NAME"),
        ("cut 'a=b", "NAME OPTION=VALUE"),
    ],
)
def test_misspelt_operations(text, words):
    with pytest.raises(UsageError, match=words):
        operate(toy("timm:test_resnet"), [text])


def test_the_last_parameter_cannot_be_removed():
    with pytest.raises(UsageError):
        operate(toy("digits:cnn"), ["remove layers=block*"])


def test_a_dry_run_leaves_modes_and_names_the_innermost_failing_layer():
    backbone = toy("timm:test_resnet").train()
    trace = dry_run(backbone)
    assert all(module.training for module in backbone.modules())
    assert trace.calls["layer2"].got == (2, 32, 40, 40) and show(trace.calls["layer2"].gave) == "[B, 48, 20, 20]"
    backbone.net.layer3[0].conv1 = torch.nn.Conv2d(7, 48, 1)
    with pytest.raises(DryRunError) as error:
        dry_run(backbone)
    assert error.value.layer == "layer3.0.conv1" and error.value.got == (2, 48, 20, 20)
