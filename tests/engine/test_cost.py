"""What a pass and a step cost is measured, and the network is left as it was."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

import toys
from headstart.data.transforms import make_transform
from headstart.engine import cost
from headstart.engine.cost import measure_cost
from headstart.models.model import Model

NOW = [0.0]  # what the clock says here: it goes on only where a network lets it


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other work on the machine have a say in what is measured."""
    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: NOW[0]))


def wait(seconds: float) -> None:
    NOW[0] += seconds


class Slow(toys.Tiny):
    """Takes a tenth of a second forward, and two more back."""

    def forward(self, x: torch.Tensor) -> Any:
        wait(0.1)
        pooled = super().forward(x)["pooled"]
        if pooled.requires_grad:
            pooled.register_hook(lambda _: wait(0.2))
        return {"pooled": pooled}


def measured(backbone: toys.Tiny, rows: int) -> cost.Cost:
    return measure_cost(
        Model(backbone, {}), toys.examples(backbone.card.input, rows), make_transform(backbone.card.input)
    )


def test_a_pass_and_a_step_by_the_row() -> None:
    found = measured(Slow(), 20)  # of which 8 are looked at
    assert found.look == pytest.approx(0.1 / 8, rel=0.3)
    assert found.learn == pytest.approx(0.3 / 8, rel=0.3)
    assert measured(Slow(), 2).look == pytest.approx(0.1 / 2, rel=0.3)


def test_the_network_is_left_as_it_was() -> None:
    backbone = toys.tiny(dropout=0.5).train()
    backbone.first.weight.requires_grad_(False)
    before = toys.snapshot(backbone)
    measured(backbone, 8)
    assert not toys.moved(before, backbone) and backbone.drop.training
    assert [p.requires_grad for p in backbone.parameters()] == [False, True, True, True]
    assert all(p.grad is None for p in backbone.parameters())


def test_a_slow_first_pass_counts_for_nothing() -> None:
    class Cold(toys.Tiny):
        calls = 0

        def forward(self, x: torch.Tensor) -> Any:
            self.calls += 1
            wait(1.0 if self.calls == 1 else 0.0)
            return super().forward(x)

    assert measured(Cold(), 8).look < 0.05


def test_what_has_no_weights_has_nothing_to_learn() -> None:
    class Plain(toys.Tiny):
        def __init__(self) -> None:
            super().__init__()
            del self.first, self.drop, self.second

        def forward(self, x: torch.Tensor) -> Any:
            return {"pooled": x}

    found = measured(Plain(), 8)
    assert found.look == found.learn
