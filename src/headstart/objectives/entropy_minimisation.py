"""Entropy minimisation: answers to rows without labels are to be sure (Grandvalet & Bengio 2004, NeurIPS 17, eq. 6)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from headstart.core.types import Batch
from headstart.models.model import Model
from headstart.objectives._unlabelled import Unlabelled


@dataclass(frozen=True)
class EntropyMinimisation(Unlabelled):
    """Minimise the targets' losses on labelled rows, and the entropy of the answers to rows without labels."""

    weight: float = 0.1

    def unlabelled(self, model: Model, extra: nn.Module, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        """Compute the entropy of each target's answers; the gradient passes both of its factors."""
        features, found = model.features(batch.x), {}
        for name, head in model.by_target().items():
            out = head(features).float()
            found[self.part("entropy", name, model)] = head.output.cross_entropy(out, head.decode(out)).mean()
        return found
