"""Pairs of examples of one class are alike, and pairs of two are not: SetFit (Tunstall et al. 2022, arXiv:2209.11055).

Their first step (section 3.1): the network is tuned so that the cosine of two sentences is 1 where they are of one
class, and 0 where they are of two, by the squared error. The second is a solved head, a stage of its own.

Deviation: they draw pairs beforehand, R of each sort for each sentence, and compute a sentence anew in each of its
pairs. Here all pairs of a batch count, each once, so that B passes through the network give B (B - 1) / 2 pairs; the
two sorts weigh alike, however many of each there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional

from headstart.core.plugins import name_of
from headstart.core.types import Batch, Form, Loss, Objective, Stream, Update
from headstart.models.model import Model
from headstart.models.pooling import pool
from headstart.objectives._domains import check_moves
from headstart.objectives._metric_learning import mean_where
from headstart.objectives._tasks import only_head


@dataclass(frozen=True)
class ContrastivePairs(Objective):
    """Draw features of one class together and those of two classes apart, for a stage before a solved head (SetFit)."""

    reads: ClassVar[Literal["features", "inputs"]] = "features"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    couples_rows: ClassVar[bool] = True
    criterion: ClassVar[str] = "last"

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The labelled training rows, four of a class together."""
        return (Stream("train", sampler="several"),)

    @property
    def updates(self) -> tuple[Update, ...]:
        """The features; the head stays."""
        return (Update(("backbone",), self.losses),)

    def modules(self, model: Model) -> nn.Module:
        """Make none. UsageError: the features are to stay, or there are several targets."""
        check_moves(model, name_of(self))
        only_head(model, name_of(self))
        return super().modules(model)

    def losses(self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the loss "pairs" of the features that the head sees."""
        batch = batches["train"]
        head = model.head
        (name,) = batch.labels
        return {"pairs": Loss(self.loss(pool(model.features(batch.x), head.pooling).float(), batch.y), name)}

    def loss(self, features: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Compute the mean of the two mean squared errors, a scalar.

        Args:
            features: [B, D].
            y: Classes [B].

        Returns:
            The loss; a sort of pair that is not there counts as 0.
        """
        unit = functional.normalize(features, dim=1)
        cosines = unit @ unit.T  # [B, B]
        same = y[:, None] == y
        alike = same & ~torch.eye(len(y), dtype=torch.bool, device=y.device)
        return (mean_where((1 - cosines).square(), alike) + mean_where(cosines.square(), ~same)) / 2
