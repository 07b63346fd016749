"""Networks without a graph are cut after whole modules."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.core.types import Features
from headstart.features.graphs import Untraceable
from headstart.features.staged import stage
from headstart.models.model import Backbone


class Branches(Backbone):
    """Runs one layer or another, by the sum of its examples."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.last = (nn.Linear(3, 3).eval() for _ in range(3))

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {"all": tuple(name for name, _ in self.named_parameters())}

    def forward(self, x: torch.Tensor) -> Features:
        return {"pooled": self.last(self.one(x) if x.sum() > 0 else self.other(x))}


def test_an_example_for_which_other_modules_run_is_not_kept() -> None:
    network, x = Branches(), torch.ones(2, 3)
    cut = stage(network, x, network.last.parameters(), tokens=False)
    kept = cut.before(2 * x)
    assert torch.equal(cut.after(2 * x, kept, training=True)["pooled"], network(2 * x)["pooled"])
    with pytest.raises(Untraceable, match="the same modules"):
        cut.before(-x)


def test_where_the_first_module_learns_nothing_is_kept() -> None:
    network = Branches()
    with pytest.raises(Untraceable, match="before all that learns"):
        stage(network, torch.ones(2, 3), network.one.parameters(), tokens=False)
