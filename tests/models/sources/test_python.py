"""`python:`: your own network, from the current folder."""

from __future__ import annotations

import sys

import pytest
import torch
from safetensors.torch import save_file

import headstart as hs
from headstart.core.errors import SourceError, UsageError
from headstart.inputs.image import Image as ImageInput
from headstart.inputs.text import Text
from headstart.inputs.vector import Vector
from headstart.models.load import load_source, rebuild
from models.contract import check_backbone
from toys import save_tokenizer

CODE = """
import torch
from torch import nn
from headstart.models.load import load_source

def conv():
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3))

def flat():
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4), nn.Linear(4, 7))

def rows():
    return nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 2))

class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 4)
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        tokens = self.out(self.table(x["input_ids"]))
        return {"pooled": tokens.mean(1), "tokens": tokens, "mask": x["attention_mask"]}

def own():
    return load_source("digits:cnn")

def number():
    return 3

def cube():
    return nn.Conv1d(3, 2, 1)

def tuples():
    class Pair(nn.Linear):
        def forward(self, x):
            return (x, x)
    return Pair(2, 2)

HIDDEN = 3
"""


@pytest.fixture(autouse=True)
def nets(tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(CODE, encoding="utf-8")
    save_tokenizer(tmp_path / "t")
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("my_nets", None)
    assert str(tmp_path) not in sys.path


IMAGE = {"size": 16}


@pytest.mark.parametrize(
    ("name", "options", "x", "dim"),
    [
        ("conv", IMAGE, torch.rand(2, 3, 16, 16), 5),
        ("flat", IMAGE, torch.rand(2, 3, 16, 16), 7),
        ("rows", {"vector": True, "dim": 3}, torch.rand(2, 3), 2),
        ("Words", {"tokenizer": "t"}, {"input_ids": torch.ones(2, 5).long(), "attention_mask": torch.ones(2, 5)}, 3),
        ("own", {"size": 16, "channels": 1, "mean": (0.5,), "std": (0.5,)}, torch.rand(2, 1, 16, 16), 64),
    ],
)
def test_contract(name, options, x, dim):
    backbone = load_source(f"python:my_nets:{name}", options)
    check_backbone(backbone, x, 2)
    assert backbone.dim == dim
    assert backbone.card.builder == "python"


def test_inputs_are_the_options():
    assert load_source("python:my_nets:Words", {"tokenizer": "t", "max_length": 9}).card.input == Text("t", 9)
    assert load_source("python:my_nets:rows", {"vector": "true", "dim": 3}).card.input == Vector(3)
    for given in ({"input": {"name": "vector", "dim": 3}}, {"input": "vector", "dim": "3"}):
        assert load_source("python:my_nets:rows", given).card.input == Vector(3)
    statistics = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # of ImageNet
    assert load_source("python:my_nets:conv").card.input == ImageInput(224, 224, 3, *statistics)
    assert load_source("python:my_nets:own", IMAGE).card.input == load_source("digits:cnn").card.input


def test_weights(tmp_path):
    tensors = {
        name: torch.full_like(tensor, 0.5)
        for name, tensor in load_source("python:my_nets:rows", {"vector": True, "dim": 3}).state_dict().items()
    }
    save_file({name.removeprefix("net."): tensor for name, tensor in tensors.items()}, tmp_path / "w.safetensors")
    backbone = load_source("python:my_nets:rows", {"vector": True, "dim": 3, "weights": "w.safetensors"})
    assert all((parameter == 0.5).all() for parameter in backbone.parameters())
    assert len(backbone.card.sha256) == 64
    with pytest.raises(SourceError, match=r"2\.weight: missing"):
        load_source("python:my_nets:flat", {"weights": "w.safetensors"})


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("my_nets", {}, UsageError, "must be python:MODULE:FUNCTION"),
        ("no_nets:conv", {}, UsageError, "'no_nets' cannot be imported"),
        ("my_nets:con", {}, UsageError, "has no function 'con'. It has: .*conv"),
        ("my_nets:HIDDEN", {}, UsageError, "has no function"),
        ("my_nets:number", {}, SourceError, "must return a torch.nn.Module, not int"),
        ("my_nets:cube", IMAGE, SourceError, "failed on an empty batch"),
        ("my_nets:tuples", {"vector": True, "dim": 2}, SourceError, "not a tuple"),
        ("my_nets:rows", {"vector": True}, UsageError, "filled from the data"),
        ("my_nets:rows", {"vector": True, "input": "vector"}, UsageError, "input excludes"),
        ("my_nets:rows", {"input": "vectr"}, UsageError, "Did you mean 'vector'"),
        ("my_nets:rows", {"input": {"name": "vector", "dims": 3}}, UsageError, "Did you mean 'dim'"),
        ("my_nets:rows", {"vector": True, "tokenizer": "t"}, UsageError, "exclude each other"),
        ("my_nets:conv", {"channels": 1}, UsageError, "one number for each of the 1 channels"),
    ],
)
def test_what_is_wrong_is_said(name, options, error, message):
    with pytest.raises(error, match=message):
        load_source(f"python:{name}", options)


def test_rebuild_elsewhere_says_what_it_needs(tmp_path):
    card = load_source("python:my_nets:conv", IMAGE).card
    (tmp_path / "my_nets.py").unlink()
    del sys.modules["my_nets"]
    with pytest.raises(SourceError, match="your own Python code, which is not part of the saved model"):
        rebuild(card)


def test_the_width_of_rows_is_filled_from_the_data(tmp_path):
    rows, labels = torch.randn(40, 3).numpy(), ["a", "b"] * 20
    settings = {"source.vector": True, "stages.0.steps": 1}
    run = hs.fit((rows, labels), source="python:my_nets:rows", settings=settings, out=tmp_path / "run")
    assert hs.load(run.folder).model.backbone.card.input == Vector(3)
