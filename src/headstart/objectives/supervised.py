"""Supervised learning on the labelled target rows: the task's own loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from headstart.core.types import Batch, Loss, LossOptions, Stream
from headstart.models.model import Model
from headstart.objectives._few import FEW, learnt
from headstart.objectives._smoothed import Smoothed
from headstart.objectives._tasks import task_losses


@dataclass(frozen=True)
class Supervised(Smoothed):
    """Minimise the heads' losses on the stream `train`: their sum, where there are several targets.

    Attributes:
        loss: "auto" is cross-entropy for classes, binary cross-entropy for multi-label, "mse" for regression.
        class_weights: One weight a class, in the order of the class list.
    """

    loss: Literal["auto", "cross_entropy", "binary_cross_entropy", "mse", "huber"] = "auto"
    class_weights: tuple[float, ...] = ()
    is_heads_loss: ClassVar[bool] = True
    also: ClassVar[tuple[Stream, ...]] = (FEW,)

    @property
    def loss_options(self) -> LossOptions:
        """What the heads are asked for."""
        return LossOptions(self.loss, self.label_smoothing, self.class_weights)

    def losses(self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the loss "task" of the only target, or "task:NAME" of each."""
        batch = batches[self.streams[0].name]
        losses = task_losses(model, model.features(batch.x), batch, self.loss_options)
        return learnt(model, losses, batches, self.loss_options)
