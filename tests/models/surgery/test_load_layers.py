"""`load_layers`: the named layers are the source's bit by bit, all others are not; a mismatch is never passed over."""

from __future__ import annotations

import json

import pytest
import timm
import torch
from safetensors.torch import save_file

import toys
from headstart.core.errors import SourceError, UsageError
from headstart.core.storage import sha256
from headstart.models.load import load_source
from headstart.models.operate import operate
from models.surgery.patients import patient_after, toy


def test_named_layers_are_kept_and_the_others_start_at_random():
    backbone = toy("timm:test_resnet")
    operated = operate(backbone, ["load_layers layers=layer2,layer3.*.conv1"])
    other = toys.moved(toys.snapshot(backbone), operated.backbone)
    kept = set(backbone.state_dict()) - other
    weights = {n for n, t in backbone.state_dict().items() if t.ndim > 1}
    assert kept & weights == {n for n in weights if "layer2." in n or ("layer3." in n and ".conv1." in n)}
    assert backbone.source_classifier is not None and operated.backbone.source_classifier is None
    note = operated.notes[0]
    assert note.values["mismatched"] == note.values["missing"] == []
    assert set(note.values["matched"]) <= kept


def test_random_starts_are_a_function_of_the_seed():
    backbone = toy("timm:test_resnet")
    first, same, other = (operate(backbone, ["load_layers layers=layer2"], seed=s).backbone for s in (0, 0, 1))
    assert toys.moved(toys.snapshot(first), same) == set()
    assert toys.moved(toys.snapshot(first), other)


@pytest.fixture
def narrow(tmp_path):
    """A source of half the width, in a folder."""
    torch.manual_seed(0)
    net = timm.create_model("mobilenetv1_100", num_classes=3)
    save_file({n: t.contiguous() for n, t in net.state_dict().items()}, tmp_path / "wide.safetensors")
    card = {
        "architecture": "mobilenetv1_100",
        "kwargs": {"num_classes": 3},
        "input_size": [3, 64, 64],
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "interpolation": "bilinear",
        "sha256": sha256(tmp_path / "wide.safetensors"),
    }
    (tmp_path / "wide.json").write_text(json.dumps(card), encoding="utf-8")
    return tmp_path / "wide"


def test_weights_of_another_source_are_taken_by_name(narrow):
    backbone = load_source("timm:mobilenetv1_100", {"pretrained": False})
    operated = patient_after(backbone, f"load_layers layers=blocks.0 source=local:{narrow}")
    theirs = load_source(f"local:{narrow}").state_dict()
    mine = operated.state_dict()
    assert all(torch.equal(mine[n], theirs[n]) for n in mine if n.startswith("net.blocks.0."))
    assert not torch.equal(mine["net.conv_stem.weight"], theirs["net.conv_stem.weight"])


def test_tensors_of_another_shape_are_an_error_or_told(narrow):
    backbone = patient_after(load_source(f"local:{narrow}"), "adapt_input channels=1")
    with pytest.raises(
        SourceError, match=r"net.conv_stem.weight: \[32, 3, 3, 3\] in the source, \[32, 1, 3, 3\] needed"
    ):
        operate(backbone, [f"load_layers layers=conv_stem,blocks.0 source=local:{narrow}"])
    operated = operate(backbone, [f"load_layers layers=conv_stem,blocks.0 source=local:{narrow} mismatched=random"])
    warnings = [note for note in operated.notes if note.kind == "warning"]
    assert warnings[0].values["mismatched"] == ["net.conv_stem.weight"]
    assert "[32, 3, 3, 3]" in warnings[0].message


def test_what_the_source_lacks_is_told(narrow):
    backbone = patient_after(load_source(f"local:{narrow}"), "insert layer=linear after=blocks.0")
    operated = operate(backbone, [f"load_layers layers=blocks.0 source=local:{narrow}"])
    assert len(operated.notes[1].values["missing"]) == 2 and "inserted" in operated.notes[1].message
    with pytest.raises(SourceError, match="none of the 2 tensors"):
        operate(backbone, [f"load_layers layers=*.inserted source=local:{narrow}"])


def test_a_pattern_that_fits_nothing():
    with pytest.raises(UsageError, match="Nearest: layer"):
        operate(toy("timm:test_resnet"), ["load_layers layers=layers2"])
