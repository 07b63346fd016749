"""Metric learning: rows of one class are to be near each other in the embedding, and those of others far."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional

from headstart.core.types import Batch, Form, Loss, Objective, Stream
from headstart.models.model import Model
from headstart.objectives._tasks import only_head
from headstart.targets._outputs import Output

NEAREST = 1e-8  # squared distance below which two embeddings are at the same place: a root has no gradient at 0


@dataclass(frozen=True)
class MetricLearning(Objective):
    """An objective of one target's embeddings and the classes of the same rows."""

    reads: ClassVar[Literal["features", "inputs"]] = "features"
    forms: ClassVar[tuple[Form, ...]] = ("embeddings",)

    def losses(self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the loss "task" of the only target."""
        batch = batches[self.streams[0].name]
        head = only_head(model, "metric learning")
        (name,) = batch.labels
        return {"task": Loss(self.loss(head(model.features(batch.x)).float(), batch.y, head.output), name)}

    @abstractmethod
    def loss(self, out: torch.Tensor, y: torch.Tensor, output: Output) -> torch.Tensor:
        """Compute the loss, a scalar.

        Args:
            out: Embeddings of any length, [B, D].
            y: Classes [B].
            output: The head's, which has the proxies.

        Returns:
            The mean over rows.
        """


@dataclass(frozen=True)
class OfPairs(MetricLearning):
    """One that compares the rows of a batch, which has several of each class."""

    couples_rows: ClassVar[bool] = True

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The labelled training rows, four of a class together."""
        return (Stream("train", sampler="several"),)

    def loss(self, out: torch.Tensor, y: torch.Tensor, output: Output) -> torch.Tensor:
        """Compute the loss of the distances of all pairs."""
        unit = functional.normalize(out, dim=1)
        distances = (2 - 2 * unit @ unit.T).clamp(min=NEAREST).sqrt()  # [B, B]
        same = y[:, None] == y
        others = ~torch.eye(len(y), dtype=torch.bool, device=y.device)
        return self.of_pairs(distances, same & others, ~same)

    @abstractmethod
    def of_pairs(self, distances: torch.Tensor, alike: torch.Tensor, unlike: torch.Tensor) -> torch.Tensor:
        """Compute the loss.

        Args:
            distances: Of rows from each other, on the unit sphere, [B, B].
            alike: Which pairs are of one class, no row with itself, [B, B].
            unlike: Which pairs are of two.

        Returns:
            A scalar; 0, with a gradient, where there is no such pair.
        """


def mean_where(values: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
    """Average values over some places; 0 where there is none."""
    return (values * among).sum() / among.sum().clamp(min=1)
