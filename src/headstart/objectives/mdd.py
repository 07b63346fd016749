"""Margin disparity discrepancy: a second head that agrees on the source and parts on the target (arXiv:1904.05801).

Zhang et al. 2019, section 4: the second head, of two layers as theirs, learns the first one's answers on the source,
`margin` times, and not to give them on the target; behind a reversed gradient the features move against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from headstart.core.types import Form
from headstart.models.model import Model
from headstart.objectives._adversary import reverse_gradient
from headstart.objectives._domains import Alignment, Side


@dataclass(frozen=True)
class Mdd(Alignment):
    """Minimise the task's loss on `source`, and how far a second head can part from the first on `target` alone.

    Attributes:
        hidden: Width of the second head's hidden layer.
        margin: How much more the second head's loss on the source weighs than that on the target.
    """

    weight: float = 0.1
    hidden: int = 256
    margin: float = 4.0
    forms: ClassVar[tuple[Form, ...]] = ("classes",)

    def modules(self, model: Model) -> nn.Module:
        """Make the second head, [B, D] to [B, C]. UsageError: the task is not one of classes."""
        super().modules(model)
        classes = model.head.target.outputs
        return nn.Sequential(nn.Linear(model.backbone.dim, self.hidden), nn.ReLU(), nn.Linear(self.hidden, classes))

    def align(self, model: Model, extra: nn.Module, source: Side, target: Side, strength: float) -> torch.Tensor:
        """Compute the second head's loss, against which the features move."""
        same, other = (extra(reverse_gradient(side.pooled, strength)) for side in (source, target))
        agree = functional.cross_entropy(same, source.outputs.argmax(dim=1))
        others = other.scatter(1, target.outputs.argmax(dim=1, keepdim=True), -torch.inf)  # all but the first's answer
        return self.margin * agree + (other.logsumexp(dim=1) - others.logsumexp(dim=1)).mean()  # -log(1 - p)
