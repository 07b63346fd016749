"""`digits:`: a small network that learns digits in seconds, from random weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.inputs.image import Image
from headstart.models.load import load_source
from headstart.models.sources.digits import Digits
from models.contract import accuracy, check_backbone


@pytest.mark.slow
def test_digits_are_learnt():
    torch.manual_seed(0)
    digits: Any = load_digits()
    backbone = load_source("digits:cnn")
    expected = backbone.card.input
    assert isinstance(expected, Image)
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    x = functional.interpolate(x, size=(expected.height, expected.width), mode="bilinear")
    x = (x - expected.mean[0]) / expected.std[0]
    assert accuracy(backbone, x, torch.tensor(digits.target), train=1000, steps=120) > 0.95


def test_digits_contract():
    backbone = load_source("digits:cnn")
    check_backbone(backbone, torch.rand(3, 1, 16, 16), 3)
    assert list(backbone.stages()) == ["block1", "block2", "block3"]


def test_names_are_those_that_hold_the_query():
    assert (Digits().names("c"), Digits().names("resnet")) == (["cnn"], [])


def test_other_names():
    with pytest.raises(UsageError, match="Did you mean"):
        load_source("digits:cn")
