"""Conditional domain-adversarial training: the classifier sees features times answers (Long 2018, arXiv:1705.10667).

Multilinear conditioning: the classifier of the domain gets the outer product of features f and class probabilities g
or, where that has more than 4,096 columns, (R_f f) * (R_g g) / sqrt(d) with d = 1,024 columns and random R. The
probabilities are constants, as in the authors' code. Entropy conditioning (CDAN+E): a row weighs 1 + exp(-H(g)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from headstart.core.types import Form
from headstart.models.model import Model
from headstart.objectives._adversary import DomainClassifier, reverse_gradient, told_apart
from headstart.objectives._domains import Alignment, Side, entropy

WIDEST, RANDOM = 4096, 1024  # columns of the whole map; of the random one


@dataclass(frozen=True)
class Cdan(Alignment):
    """As `dann`, where the classifier of the domain sees the features together with the predicted classes.

    Attributes:
        hidden: Width of the domain classifier's two hidden layers.
        entropy: Whether rows with a sure answer count more (CDAN+E).
    """

    weight: float = 0.3
    hidden: int = 256
    entropy: bool = False
    forms: ClassVar[tuple[Form, ...]] = ("classes",)

    def modules(self, model: Model) -> nn.Module:
        """Make the domain classifier, [B, D] and [B, C] to [B]. UsageError: the task is not one of classes."""
        super().modules(model)
        return _Conditional(model.backbone.dim, model.head.target.outputs, self.hidden)

    def align(self, model: Model, extra: _Conditional, source: Side, target: Side, strength: float) -> torch.Tensor:
        """Compute the domain classifier's loss, against which the features move."""
        sides = (source, target)
        mapped = [extra.map(reverse_gradient(side.pooled, strength), side.probabilities.detach()) for side in sides]
        unsure = entropy(torch.cat([side.outputs.detach() for side in sides]))
        return told_apart(extra.classifier, *mapped, weights=1 + torch.exp(-unsure) if self.entropy else None)


class _Conditional(nn.Module):
    """The map of features and answers, and the domain classifier on it."""

    of_features: torch.Tensor | None
    of_answers: torch.Tensor | None

    def __init__(self, dim: int, classes: int, hidden: int) -> None:
        super().__init__()
        wide = dim * classes > WIDEST
        self.register_buffer("of_features", torch.randn(dim, RANDOM) if wide else None)
        self.register_buffer("of_answers", torch.randn(classes, RANDOM) if wide else None)
        self.classifier = DomainClassifier(RANDOM if wide else dim * classes, hidden)

    def map(self, pooled: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:  # [B, D], [B, C] -> [B, columns]
        if self.of_features is None or self.of_answers is None:
            return (pooled.unsqueeze(2) * answers.unsqueeze(1)).flatten(1)
        return (pooled @ self.of_features) * (answers @ self.of_answers) / RANDOM**0.5
