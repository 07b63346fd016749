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
    """Learn rows without labels by the own likeliest answers, with a weight that grows from nothing (eq. 16)."""

    def unlabelled(self, model: Model, extra: nn.Module, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        """Compute the cross-entropy against the answers of the same pass."""
        features, found = model.features(batch.x), {}
        for name, head in model.by_target().items():
            out = head(features).float()
            labels, _ = head.output.guess(head.decode(out.detach()))
            found[self.part("guessed", name, model)] = head.output.cross_entropy(out, labels).mean()
        return found
