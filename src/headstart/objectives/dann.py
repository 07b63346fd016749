"""Domain-adversarial training: features that do not tell the domain (Ganin et al. 2016, arXiv:1505.07818).

The gradient reversal layer is the identity forward and multiplies the gradient by -lambda backward, with
lambda = 2 / (1 + exp(-10 p)) - 1 over the progress p (their section 5.2.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from headstart.models.model import Model
from headstart.objectives._adversary import DomainClassifier, reverse_gradient, told_apart
from headstart.objectives._domains import Alignment, Side


@dataclass(frozen=True)
class Dann(Alignment):
    """Minimise the task's loss on `source`, and confuse a classifier of the domain on `source` and `target`.

    Attributes:
        hidden: Width of the domain classifier's two hidden layers.
    """

    weight: float = 0.1
    hidden: int = 256

    def modules(self, model: Model) -> nn.Module:
        """Make the domain classifier, [B, D] to [B]."""
        return DomainClassifier(model.backbone.dim, self.hidden)

    def align(self, model: Model, extra: nn.Module, source: Side, target: Side, strength: float) -> torch.Tensor:
        """Compute the domain classifier's loss, against which the features move."""
        return told_apart(extra, *(reverse_gradient(side.pooled, strength) for side in (source, target)))
