"""Moving averages of what a step saw of its rows: once a step, over the rows of all its pieces and processes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn


class Averages(nn.Module):
    """Exponential moving averages of means over rows, saved and resumed as buffers of an objective's module.

    Args:
        starts: The averages before the first step, by name.
    """

    rows: torch.Tensor

    def __init__(self, starts: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.names = tuple(starts)
        self.register_buffer("rows", torch.zeros(()))
        for name, start in starts.items():
            self.register_buffer(f"average_{name}", start)
            self.register_buffer(f"sum_{name}", torch.zeros_like(start))

    def __getitem__(self, name: str) -> torch.Tensor:
        """Return an average as of the last step."""
        return self.get_buffer(f"average_{name}")

    @torch.no_grad()
    def add(self, values: Mapping[str, torch.Tensor]) -> None:
        """Take in the values of some rows by name, each [B, …]; the averages follow after the step."""
        self.rows += len(next(iter(values.values())))
        for name, value in values.items():
            self.get_buffer(f"sum_{name}").add_(value.sum(dim=0))

    @torch.no_grad()
    def count(self, name: str, sums: torch.Tensor) -> None:
        """Take in a sum over other rows, in the unit of an average's rows: what matters of it is its direction."""
        self.get_buffer(f"sum_{name}").add_(sums)

    def summed(self) -> list[torch.Tensor]:
        """Return what is to be added up over processes."""
        return [self.rows, *(self.get_buffer(f"sum_{name}") for name in self.names)]

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Move the averages towards the means over the rows that were taken in, and forget these."""
        for name, mean in self.means().items():
            self[name].lerp_(mean, 1 - decay)
        for tensor in self.summed():
            tensor.zero_()

    def means(self) -> dict[str, torch.Tensor]:
        """Return what the averages move towards: the means over the rows."""
        return {name: self.get_buffer(f"sum_{name}") / self.rows for name in self.names}
