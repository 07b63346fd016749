"""Adaptive batch normalisation: the weights learn on the source, the statistics are the target's (arXiv:1603.04779).

Li et al. 2016. The source's rows are normalised by their own batch, as always in training, and leave the stored
averages alone; those follow the target's rows, and are what the saved model normalises by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from headstart.core.types import Batch, Loss
from headstart.models.model import Model
from headstart.objectives._domains import TwoDomains
from headstart.objectives._few import learnt
from headstart.objectives._norms import averages_kept, learning_norms
from headstart.objectives._tasks import task_losses


@dataclass(frozen=True)
class Adabn(TwoDomains):
    """Minimise the task's loss on `source`, and take the stored averages of batch norm from `target`."""

    reads: ClassVar[Literal["features", "inputs"]] = "inputs"  # a cut network has its own norms
    criterion: ClassVar[str] = "last"  # source rows would be measured by the target's averages

    def modules(self, model: Model) -> nn.Module:
        """Make nothing. UsageError: no batch norm learns."""
        learning_norms(model, "adabn")
        return nn.Module()

    def losses(self, model: Model, extra: Any, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the tasks' losses on the source; show the target's rows to the norms."""
        with averages_kept(model, "adabn"):
            features = model.features(batches["source"].x)
        losses = task_losses(model, features, batches["source"], self.loss_options)
        with torch.no_grad():
            model.features(batches["target"].x)
        return learnt(model, losses, batches, self.loss_options)
