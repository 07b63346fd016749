"""Virtual adversarial training: the answer to a row must not change nearby (Miyato et al. 2018, arXiv:1704.03976).

Their eq. 5 to 10 and algorithm 1: the direction in which the answer changes most is found by power iteration, and the
divergence of the answers at its end is minimised. Deviations: lengths are relative to that of the row, so that one
setting does for pixels, numbers and features; the network is in evaluation mode, as its dropout is no change of a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.types import Batch
from headstart.models.model import Model
from headstart.models.pooling import pool
from headstart.objectives._unlabelled import Unlabelled


@dataclass(frozen=True)
class Vat(Unlabelled):
    """Minimise the targets' losses on labelled rows, and how far answers change in the worst direction on the others.

    Attributes:
        on: What is changed: "examples" of numbers, such as pixels, or the "features" of any row.
        length: Of the change, relative to that of the row.
        probe: Length of the step by which the direction is looked for, relative to the row.
        iterations: Of the search for the direction.
    """

    on: Literal["examples", "features"] = "examples"
    length: float = 0.1
    probe: float = 1e-2
    iterations: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.iterations < 1:
            raise ValueError(f"iterations must be at least 1; it is {self.iterations}.")

    def modules(self, model: Model) -> nn.Module:
        """Make none. UsageError: the examples are no numbers, and they are to be changed."""
        x = model.backbone.card.input.blank(1)
        if self.on == "examples" and not (isinstance(x, torch.Tensor) and x.is_floating_point()):
            raise UsageError("vat changes examples of numbers, and these are none. Use 'vat on=features'.")
        return super().modules(model)

    @property
    def reads(self) -> Literal["features", "inputs"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Features of a frozen backbone do where they are what is changed."""
        return "features" if self.on == "features" else "inputs"

    def unlabelled(self, model: Model, extra: nn.Module, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        """Compute the mean divergence at the end of the worst direction."""
        with model.evaluating():
            x = self._numbers(model, batch)
            with torch.no_grad():
                right = self._outputs(model, x)
            with model.passes():  # those that only find the direction are no one else's
                change = self._worst(model, x.detach(), right)
            found = self._divergences(model, right, x + change)
        return {self.part("divergence", name, model): value for name, value in found.items()}

    def _worst(self, model: Model, x: torch.Tensor, right: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Find the change, of the length asked for, that moves the answers most."""
        size = x.flatten(1).norm(dim=1)
        change = _stretched(torch.randn_like(x), size)
        for _ in range(self.iterations):
            change = (self.probe * change).requires_grad_()
            total = torch.stack([*self._divergences(model, right, x + change).values()]).sum()
            change = _stretched(torch.autograd.grad(total, change)[0], size)
        return self.length * change

    def _numbers(self, model: Model, batch: Batch) -> torch.Tensor:  # [B, …]
        if self.on == "examples":
            return batch.x
        head = next(iter(model.by_target().values()))  # the heads pool alike
        return pool(model.features(batch.x), head.pooling)

    def _outputs(self, model: Model, x: torch.Tensor) -> dict[str, torch.Tensor]:
        given = x if self.on == "examples" else {"pooled": x, "tokens": x.unsqueeze(1)}
        features = model.features(given)
        return {name: head(features).float() for name, head in model.by_target().items()}

    def _divergences(self, model: Model, right: Mapping[str, torch.Tensor], x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Compute each target's mean Kullback-Leibler divergence, from the outputs `right` to those of `x`."""
        found = {}
        for name, out in self._outputs(model, x).items():
            output = model.by_target()[name].output
            answers = output.decode(right[name])
            found[name] = (output.cross_entropy(out, answers) - output.cross_entropy(right[name], answers)).mean()
        return found


def _stretched(change: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """Give each row's change the length [B]; one without a direction stays zero."""
    length = change.flatten(1).norm(dim=1).clamp(min=1e-30)
    return change * (size / length).reshape(-1, *[1] * (change.ndim - 1))
