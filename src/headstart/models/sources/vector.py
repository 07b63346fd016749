"""`vector:columns`: the numbers themselves, for a head on them. `vector:mlp`: a perceptron with random weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from headstart.core.errors import UsageError, unknown
from headstart.core.offer import Offer
from headstart.core.types import Card, Features, Task
from headstart.inputs import by_name
from headstart.inputs import vector as inputs
from headstart.inputs._encoding import Encoding
from headstart.models import stages
from headstart.models.model import Backbone

NAMES = ("columns", "mlp")


@dataclass(frozen=True)
class Vector:
    """Rows of numbers: the columns themselves (vector:columns), or a perceptron with random weights (vector:mlp).

    width: outputs of each hidden layer of the perceptron. depth: number of its hidden layers. dim: numbers in a row,
    and table: how the cells of a table become numbers; both are filled from the data.
    """

    width: int = 128
    depth: int = 2
    dim: int | None = None
    table: tuple[Encoding, ...] = ()

    def __post_init__(self) -> None:
        if self.width < 1 or self.depth < 1:
            raise ValueError(f"width and depth must be at least 1, not {self.width} and {self.depth}.")

    def names(self, query: str) -> list[str]:
        """List the two."""
        return [name for name in NAMES if query in name]

    @classmethod
    def offers(cls, task: Task, inputs: Any) -> list[Offer]:
        """Offer for rows of numbers a linear head and boosted trees on the columns, and a perceptron.

        Args:
            task: Says what the inputs are.
            inputs: The training rows' inputs.

        Returns:
            The starts; none where the inputs are others.
        """
        kind = by_name(task.modality)
        if not kind.tabular:
            return []
        return [
            *kind.baselines(inputs),
            Offer("vector:mlp", "linear", why="a perceptron, trained from nothing", pretrained=False),
        ]

    def load(self, name: str) -> Backbone:
        """Build the network, drawn from torch's global generator.

        Args:
            name: "columns" or "mlp".

        Returns:
            The backbone.

        Raises:
            UsageError: The name is another one, or the data has not yet said how many numbers a row has.
        """
        if name not in NAMES:
            raise unknown("vector model", name, NAMES)
        dim = inputs.encoded_width(self.table) or self.dim
        if dim is None:
            raise UsageError(
                f"vector:{name} takes rows of numbers, and the option dim says how many are in one. Data of numbers "
                "fills it; for other data take another source (headstart list sources)."
            )
        architecture: dict[str, Any] = {"dim": dim}
        if name == "mlp":
            architecture |= {"width": self.width, "depth": self.depth}
        task = "none: random weights" if name == "mlp" else "none: the data's own columns"
        card = Card(f"vector:{name}", name, 0, inputs.Vector(dim, self.table), "vector", architecture, task)
        params = sum(parameter.numel() for parameter in self.rebuild(card).parameters())
        return self.rebuild(replace(card, params=params))

    def rebuild(self, card: Card) -> Backbone:
        """Build the network of a card with random weights."""
        return _Columns(card) if card.family == "columns" else _Mlp(card)


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


class _Columns(Backbone):
    """The numbers as they come: nothing in it learns."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card = card
        self.dim = card.architecture["dim"]

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {"columns": ()}

    def forward(self, x: torch.Tensor) -> Features:  # [B, D]
        return Features(pooled=x)


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
