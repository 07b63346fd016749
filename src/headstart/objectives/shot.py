"""Source hypothesis transfer: the head stays, the target's features move under it (Liang 2020, arXiv:2002.08546).

A stage after one that learnt the source, whose rows it does not need. Information maximisation: each answer is to be
sure, and all of them together varied. Pseudo-labels: the class of the nearest centroid by cosine. Theirs are centroids
of the whole target, once an epoch; here of the last batches, whose sums fade by `memory` with each step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional

from headstart.core.types import Batch, Loss, Objective, Stream, Update
from headstart.models.model import Model
from headstart.models.pooling import pool
from headstart.objectives._domains import check_moves, entropy
from headstart.objectives._tasks import class_head


@dataclass(frozen=True)
class Shot(Objective):
    """Minimise on `target` the entropy of each answer less that of their mean, and the loss for pseudo-labels.

    Attributes:
        pseudo: Weight of the loss for pseudo-labels.
        memory: What is left of earlier batches in the centroids.
    """

    pseudo: float = 0.3
    memory: float = 0.9
    reads: ClassVar[Literal["features", "inputs"]] = "features"
    couples_rows: ClassVar[bool] = True
    criterion: ClassVar[str] = "last"

    def __post_init__(self) -> None:
        if not 0 <= self.memory < 1:
            raise ValueError(f"memory must be in [0, 1); it is {self.memory}.")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """A target domain without labels."""
        return (Stream("target", labelled=False),)

    @property
    def updates(self) -> tuple[Update, ...]:
        """The features alone."""
        return (Update(("backbone",), self.losses),)

    def modules(self, model: Model) -> nn.Module:
        """Make the centroids. UsageError: the task is not one of classes, or the features are to stay."""
        check_moves(model, "shot")
        return _Centroids(class_head(model, "shot").target.outputs, model.backbone.dim)

    def losses(self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the losses of the target's answers."""
        features = model.features(batches["target"].x)
        out = model.head(features).float()
        mean = out.softmax(dim=1).mean(dim=0)
        labels = extra(pool(features, model.head.pooling).detach().float(), out.detach().softmax(dim=1), self.memory)
        return {
            "unsure": Loss(entropy(out).mean()),
            "uniform": Loss(-entropy(mean.clamp(min=1e-12).log().unsqueeze(0)).squeeze()),
            "pseudo": Loss(self.pseudo * functional.cross_entropy(out, labels)),
        }


class _Centroids(nn.Module):
    """The mean features of each class, by sums over batches that fade; they are saved with each step."""

    sums: torch.Tensor
    mass: torch.Tensor

    def __init__(self, classes: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(classes, dim))
        self.register_buffer("mass", torch.zeros(classes, 1))

    @torch.no_grad()
    def forward(self, pooled: torch.Tensor, answers: torch.Tensor, memory: float) -> torch.Tensor:  # -> [B]
        """Take in a batch's features [B, D] and answers [B, C]; return the class of the nearest centroid of each."""
        self.sums.mul_(memory).add_(answers.T @ pooled)
        self.mass.mul_(memory).add_(answers.sum(dim=0).unsqueeze(1))
        centroids = self.sums / self.mass.clamp(min=1e-12)
        return (functional.normalize(pooled) @ functional.normalize(centroids).T).argmax(dim=1)
