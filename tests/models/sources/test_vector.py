"""`vector:`: a small network that learns rows of numbers in seconds, whatever their units, from random weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.datasets import load_breast_cancer

from headstart.core.errors import UsageError
from headstart.inputs.vector import Vector as VectorInput
from headstart.models.load import load_source
from headstart.models.sources.vector import Standardise, Vector
from models.contract import accuracy, check_backbone


def test_rows_of_unlike_sizes_are_learnt():
    torch.manual_seed(0)
    table: Any = load_breast_cancer()  # columns from 0.001 to 4000
    order = torch.randperm(len(table.target))
    x, y = torch.tensor(table.data, dtype=torch.float32)[order], torch.tensor(table.target)[order]
    assert accuracy(load_source("vector:mlp", {"dim": 30}), x, y, train=400, steps=100) > 0.93


def test_vector_contract():
    backbone = load_source("vector:mlp", {"dim": 4, "width": 8, "depth": 3})
    check_backbone(backbone, torch.rand(3, 4), 3)
    assert list(backbone.stages()) == ["layer1", "layer2", "layer3"]
    assert backbone.card.input == VectorInput(4)


def test_vector_needs_the_width_of_the_data():
    with pytest.raises(UsageError, match="Data of numbers fills it"):
        load_source("vector:mlp")
    with pytest.raises(UsageError, match="at least 1"):
        load_source("vector:mlp", {"dim": 3, "depth": 0})


def test_standardise_counts_every_row_once_whatever_the_batches():
    x = torch.randn(100, 3) * torch.tensor([1.0, 50.0, 0.01]) + torch.tensor([0.0, 1000.0, 5.0])
    layer = Standardise(3).train()
    for batch in x.split([1, 40, 2, 57]):
        assert torch.isfinite(layer(batch)).all()
    assert layer.count == 100
    assert torch.allclose(layer.mean, x.mean(dim=0), rtol=1e-4)
    assert torch.allclose(layer.variance, x.var(dim=0, correction=0), rtol=1e-2)
    layer.eval()
    before = layer.mean.clone()
    assert torch.allclose(layer(x).std(dim=0, correction=0), torch.ones(3), atol=1e-2)
    assert torch.equal(layer.mean, before)


def test_a_constant_column_stays_zero():
    layer = Standardise(1).train()
    assert torch.equal(layer(torch.full((4, 1), 7.0)), torch.zeros(4, 1))


def test_the_unit_of_a_column_does_not_matter():
    backbone = load_source("vector:mlp", {"dim": 3}).train()
    again = load_source("vector:mlp", {"dim": 3}).train()
    again.load_state_dict(backbone.state_dict())
    x = torch.randn(20, 3)
    other_units = x * torch.tensor([1000.0, 0.01, 1.0]) + torch.tensor([0.0, 1.0, -7.0])
    assert torch.allclose(backbone(x)["pooled"], again(other_units)["pooled"], atol=1e-3)


def test_other_names():
    with pytest.raises(UsageError, match="Did you mean"):
        load_source("vector:ml", {"dim": 2})


@pytest.mark.parametrize(
    ("query", "names"), [("", ["columns", "mlp"]), ("ml", ["mlp"]), ("mlp", ["mlp"]), ("mlpp", []), ("x", [])]
)
def test_names_are_those_that_hold_the_query(query, names):
    assert Vector().names(query) == names
