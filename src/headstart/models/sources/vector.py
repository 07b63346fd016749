"""`vector:mlp`: a perceptron for rows of numbers, with random weights; it learns its own standardisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from headstart.core.errors import UsageError, unknown
from headstart.core.types import Card, Features
from headstart.inputs import vector as inputs
from headstart.models import stages
from headstart.models.model import Backbone


@dataclass(frozen=True)
class Vector:
    """A multi-layer perceptron with random weights.

    width: outputs of each hidden layer. depth: number of hidden layers. dim: numbers in a row; filled from the data.
    """

    width: int = 128
    depth: int = 2
    dim: int | None = None

    def __post_init__(self) -> None:
        if self.width < 1 or self.depth < 1:
            raise ValueError(f"width and depth must be at least 1, not {self.width} and {self.depth}.")

    def names(self, query: str) -> list[str]:
        """List the one network."""
        return [name for name in ("mlp",) if query in name]

    def load(self, name: str) -> Backbone:
        """Build the network, drawn from torch's global generator.

        Args:
            name: "mlp".

        Returns:
            The backbone.

        Raises:
            UsageError: The name is another one, or the data has not yet said how many numbers a row has.
        """
        if name != "mlp":
            raise unknown("vector model", name, ["mlp"])
        if self.dim is None:
            raise UsageError(
                "vector:mlp needs the option dim, the numbers in a row. It is filled from the data when there is some."
            )
        architecture = {"dim": self.dim, "width": self.width, "depth": self.depth}
        params = sum(parameter.numel() for parameter in _net(architecture).parameters())
        expected = inputs.Vector(self.dim)
        return self.rebuild(Card("vector:mlp", "mlp", params, expected, "vector", architecture, "none: random weights"))

    def rebuild(self, card: Card) -> Backbone:
        """Build the network of a card with random weights."""
        return _Mlp(card)


class Standardise(nn.Module):
    """Subtract the mean and divide by the deviation of all rows seen in training (Chan, Golub & LeVeque 1979, running).

    Unlike batch norm it divides by the running values in training too, so that a batch of one row is no special case.
    """

    count: torch.Tensor
    mean: torch.Tensor
    variance: torch.Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("variance", torch.ones(dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [B, D] to [B, D]
        if self.training:
            self._take(x.detach().to(self.mean.dtype))
        deviation = self.variance.sqrt()
        # a column without spread stays zero
        return (x - self.mean) / torch.where(
            deviation > 1e-6 * self.mean.abs().clamp(min=1e-6), deviation, torch.ones_like(deviation)
        )

    @torch.no_grad()
    def _take(self, x: torch.Tensor) -> None:
        total = self.count + len(x)
        shift = x.mean(dim=0) - self.mean
        spread = (
            self.variance * self.count + x.var(dim=0, correction=0) * len(x) + shift**2 * self.count * len(x) / total
        )
        self.mean += shift * len(x) / total
        self.variance.copy_(spread / total)
        self.count.copy_(total)


class _Mlp(Backbone):
    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card = card
        self.net = _net(card.architecture)
        self.dim = card.architecture["width"]

    def stages(self) -> dict[str, tuple[str, ...]]:
        return stages.prefixed(stages.from_children(self.net), "net.")

    def forward(self, x: torch.Tensor) -> Features:  # [B, D]
        return Features(pooled=self.net(x))


def _net(architecture: Any) -> nn.Sequential:
    net = nn.Sequential()
    before = architecture["dim"]
    for place in range(architecture["depth"]):
        # inside the first layer, so that a frozen first stage freezes the standardisation with it
        start = [Standardise(before)] if place == 0 else []
        net.add_module(f"layer{place + 1}", nn.Sequential(*start, nn.Linear(before, architecture["width"]), nn.GELU()))
        before = architecture["width"]
    return net
