"""Supervised learning on the labelled target rows: the task's own loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from headstart.core.types import Batch, LossOptions, Stream
from headstart.models.model import Model


@dataclass(frozen=True)
class Supervised:
    """Minimise the head's loss on the stream `train`.

    Attributes:
        loss: "auto" is cross-entropy for classes, binary cross-entropy for multi-label, "mse" for regression.
        label_smoothing: Share of the label that is spread over all classes (Szegedy et al. 2015, arXiv:1512.00567).
        class_weights: One weight a class, in the order of the class list.
    """

    loss: Literal["auto", "cross_entropy", "binary_cross_entropy", "mse", "huber"] = "auto"
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1); it is {self.label_smoothing}.")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """One labelled stream."""
        return (Stream("train"),)

    @property
    def loss_options(self) -> LossOptions:
        """What the head is asked for."""
        return LossOptions(self.loss, self.label_smoothing, self.class_weights)

    def modules(self, model: Model) -> nn.Module:
        """Add nothing."""
        return nn.Module()

    def losses(
        self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float
    ) -> dict[str, torch.Tensor]:
        """Compute the head's loss."""
        batch = batches["train"]
        assert "y" in batch
        return {"task": model.head.loss(model(batch["x"]), batch["y"], self.loss_options)}
