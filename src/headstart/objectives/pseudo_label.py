"""Pseudo-label: the likeliest class of a row without a label is its label (Lee 2013, ICML workshop, eq. 15 and 16)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from headstart.core.types import Batch
from headstart.models.model import Model
from headstart.objectives._unlabelled import Unlabelled


@dataclass(frozen=True)
class PseudoLabel(Unlabelled):
    """Learn rows without labels by the model's own likeliest answers, with a weight that grows from nothing.

    Attributes:
        start: Fraction of the stage from which on the weight grows.
        full: Fraction of the stage from which on it has grown to `weight`.
    """

    start: float = 0.1
    full: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.start < self.full <= 1:
            raise ValueError(f"start and full must be 0 <= start < full <= 1; they are {self.start} and {self.full}.")

    def unlabelled(self, model: Model, extra: nn.Module, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        """Compute the cross-entropy against the answers of the same pass."""
        features, found = model.features(batch.x), {}
        grown = min(max((progress - self.start) / (self.full - self.start), 0.0), 1.0)  # eq. 16
        for name, head in model.by_target().items():
            out = head(features).float()
            labels, _ = head.output.guess(head.decode(out.detach()))
            found[self.part("guessed", name, model)] = grown * head.output.cross_entropy(out, labels).mean()
        return found
