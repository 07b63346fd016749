"""What is minimised, on which data: streams, batches, features, objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NotRequired, Protocol, TypedDict, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch
    from torch import nn


@dataclass(frozen=True)
class Stream:
    """One kind of data that an objective asks for. With `labelled=False` its batches carry no labels."""

    name: str
    labelled: bool = True


class Batch(TypedDict):
    """One batch. x: images [B, C, H, W], vectors [B, D], or token tensors by name, each [B, T]. ids name the rows."""

    x: Any
    ids: list[str]
    y: NotRequired[torch.Tensor]  # [B] int64 classes, [B, C] float32 multi-label, [B, T] float32 regression


PrefixToken = Literal["class", "distillation", "register"]


class Features(TypedDict):
    """What a backbone returns. Only `pooled` is always there."""

    pooled: torch.Tensor  # [B, D]
    tokens: NotRequired[torch.Tensor]  # [B, T, D]
    maps: NotRequired[list[torch.Tensor]]  # each [B, C, H, W]
    mask: NotRequired[torch.Tensor]  # [B, T], 1 where there is a token
    prefix: NotRequired[tuple[PrefixToken, ...]]  # of an image: what the first tokens are, before its patches


@dataclass(frozen=True)
class LossOptions:
    """How a head turns its output into a loss.

    `loss` "auto" is cross-entropy for binary and multi-class tasks, binary cross-entropy for
    multi-label ones, mean squared error for regression. `class_weights` [C] multiply each class.
    """

    loss: Literal["auto", "cross_entropy", "binary_cross_entropy", "mse", "huber"] = "auto"
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] = ()


class Objective(Protocol):
    """What is minimised, on which streams. Does no input or output."""

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that each step takes one batch of."""
        ...

    @property
    def loss_options(self) -> LossOptions:
        """What the head's loss is asked for; checked against the task before the run."""
        ...

    def modules(self, model: Any) -> nn.Module:
        """Make extra modules that learn with the model and are thrown away afterwards."""
        ...

    def losses(
        self, model: Any, extra: nn.Module, batches: Mapping[str, Batch], progress: float
    ) -> dict[str, torch.Tensor]:
        """Compute the named losses of one step; their sum is minimised. `progress` runs from 0 to 1."""
        ...


ModelPart = Literal["backbone", "heads", "extra"]
MODEL_PARTS: tuple[ModelPart, ...] = ("backbone", "heads", "extra")


@dataclass(frozen=True)
class Update:
    """One of several updates in a step: `losses`, as in `Objective`, are minimised over the parts in `learn` alone."""

    learn: tuple[ModelPart, ...]
    losses: Callable[[Any, nn.Module, Mapping[str, Batch], float], dict[str, torch.Tensor]]


@runtime_checkable
class Stepper(Protocol):
    """An objective of alternating updates, each with its own losses over its own part of what learns.

    A part in which the strategy lets nothing learn is skipped.
    """

    @property
    def updates(self) -> tuple[Update, ...]:
        """The updates of one step, in order."""
        ...
