"""Adversarial discriminative adaptation: the target gets features of its own (Tzeng 2017, arXiv:1702.05464).

A stage after one that learnt the source. Their eq. 9: a classifier learns to tell the source's features, by the
network as it was, from the target's, and the network moves so that the target's are taken for the source's (inverted
labels). The heads stay. Labelled rows of the target, where there are some, are learnt by the features, too.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional

from headstart.core.types import Batch, Features, Loss, Update
from headstart.models.model import Backbone, Model
from headstart.models.pooling import pool
from headstart.objectives._adversary import DomainClassifier, told_apart
from headstart.objectives._domains import TwoDomains, check_moves
from headstart.objectives._few import FEW
from headstart.objectives._tasks import task_losses


@dataclass(frozen=True)
class Adda(TwoDomains):
    """Move the features of `target` until a classifier takes them for what `source` had at the start of the stage.

    Attributes:
        hidden: Width of the domain classifier's two hidden layers.
    """

    hidden: int = 256
    reads: ClassVar[Literal["features", "inputs"]] = "inputs"  # the network as it was computes features, too
    criterion: ClassVar[str] = "last"

    @property
    def updates(self) -> tuple[Update, ...]:
        """The classifier of the domain; then the features."""
        return (Update(("extra",), self._tell_apart), Update(("backbone",), self.losses))

    def modules(self, model: Model) -> nn.Module:
        """Make the domain classifier, and a copy of the network. UsageError: the features are to stay."""
        check_moves(model, "adda")
        return _Critic(model.backbone, self.hidden)

    def losses(self, model: Model, extra: Any, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the loss of the target's rows as if they were the source's."""
        logits = extra.classifier(_pooled(model, model.features(batches["target"].x)))
        losses = {"domain": Loss(functional.softplus(-logits.float()).mean())}
        if FEW.name in batches:
            few = batches[FEW.name]
            losses |= task_losses(model, model.features(few.x), few, self.loss_options)
        return losses

    def _tell_apart(self, model: Model, extra: Any, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        with torch.no_grad():  # the features stay as they are
            source, target = extra.before[0](batches["source"].x), model.features(batches["target"].x)
        return {"told_apart": Loss(told_apart(extra.classifier, _pooled(model, source), _pooled(model, target)))}


class _Critic(nn.Module):
    """The domain classifier, and the network as it was, which no checkpoint holds: a resume makes it again."""

    def __init__(self, backbone: Backbone, hidden: int) -> None:
        super().__init__()
        self.classifier = DomainClassifier(backbone.dim, hidden)
        self.before = (copy.deepcopy(backbone).eval().requires_grad_(False),)  # in a tuple: no part of this module


def _pooled(model: Model, features: Features) -> torch.Tensor:
    return pool(features, next(iter(model.by_target().values())).pooling).float()
