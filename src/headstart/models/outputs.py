"""What the numbers of a head mean for each kind of task: the loss, and the decoding to probabilities or values."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.types import LossOptions, Task
from headstart.models.imbalance import Balance, balance_classes, balance_labels


class ClassOutput(nn.Module):
    """Exactly one class: logits [B, C], labels [B] int64. Cross-entropy; softmax."""

    losses = ("cross_entropy",)

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.balance = Balance()

    def rebalance(self, kind: str, targets: np.ndarray) -> None:
        """Make up for rare classes from now on, by the labels [N] of the training rows."""
        self.balance = balance_classes(kind, targets, self.classes)

    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Compute the mean cross-entropy with label smoothing, class weights and what the balance asks for."""
        if self.balance.shift:
            out = out + out.new_tensor(self.balance.shift)
        given = options.class_weights or self.balance.weights
        weights = out.new_tensor(given) if given else None
        smoothing = options.label_smoothing
        if not self.balance.focus:
            return functional.cross_entropy(out, y, weight=weights, label_smoothing=smoothing)
        right = out.softmax(dim=1).gather(1, y.unsqueeze(1)).squeeze(1)  # [B]
        each = functional.cross_entropy(out, y, weight=weights, label_smoothing=smoothing, reduction="none")
        return ((1 - right) ** self.balance.focus * each).mean()

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Return probabilities [B, C]."""
        return out.softmax(dim=1)


class MultiLabelOutput(nn.Module):
    """Any number of classes: logits [B, C], labels [B, C] of 0 and 1. Binary cross-entropy; sigmoid."""

    losses = ("binary_cross_entropy",)

    def __init__(self) -> None:
        super().__init__()
        self.balance = Balance()

    def rebalance(self, kind: str, targets: np.ndarray) -> None:
        """Make up for rare labels from now on, by the labels [N, C] of the training rows."""
        self.balance = balance_labels(kind, targets)

    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Compute the mean binary cross-entropy; smoothing moves labels towards 1/2, weights multiply the positives."""
        smooth = y * (1 - options.label_smoothing) + options.label_smoothing / 2
        given = options.class_weights or self.balance.weights
        weights = out.new_tensor(given) if given else None
        each = functional.binary_cross_entropy_with_logits(out, smooth, pos_weight=weights, reduction="none")
        if self.balance.focus:
            right = torch.where(y > 0.5, out.sigmoid(), (-out).sigmoid())
            each = (1 - right) ** self.balance.focus * each
        return each.mean()

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Return a probability for each class, [B, C]."""
        return out.sigmoid()


class RegressionOutput(nn.Module):
    """Numbers: the head works in standard deviations of the training labels; `decode` gives the label's own unit."""

    losses = ("mse", "huber")
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, targets: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(targets))
        self.register_buffer("std", torch.ones(targets))

    def rebalance(self, kind: str, targets: np.ndarray) -> None:
        """Change nothing: numbers have no classes (`check_imbalance` refuses everything but "none")."""

    def standardise(self, targets: torch.Tensor) -> None:
        """Take mean and deviation from the training labels [N, T]."""
        self.mean.copy_(targets.mean(dim=0))
        self.std.copy_(targets.std(dim=0, correction=0).clamp(min=1e-8))

    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Compute the mean squared error, or Huber's loss (1964) with its bend at one standard deviation."""
        z = (y - self.mean) / self.std
        return functional.huber_loss(out, z) if options.loss == "huber" else functional.mse_loss(out, z)

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Return values [B, T] in the unit of the labels."""
        return out * self.std + self.mean


Output = ClassOutput | MultiLabelOutput | RegressionOutput


def output_for(task: Task) -> Output:
    """Make the output of a task."""
    makers = {
        "binary": lambda: ClassOutput(len(task.classes)),
        "multiclass": lambda: ClassOutput(len(task.classes)),
        "multilabel": MultiLabelOutput,
        "regression": lambda: RegressionOutput(len(task.labels)),
    }
    return makers[task.kind]()


def check_loss(task: Task, options: LossOptions) -> None:
    """Check that a loss fits the task.

    Args:
        task: The target task.
        options: What the recipe asks for.

    Raises:
        UsageError: The loss is for another kind of task, or the number of class weights is wrong.
    """
    fitting = output_for(task).losses
    if options.loss != "auto" and options.loss not in fitting:
        raise UsageError(f"The loss '{options.loss}' does not fit a {task.kind} task. Fitting: {', '.join(fitting)}.")
    if options.class_weights and len(options.class_weights) != len(task.classes):
        raise UsageError(
            f"class_weights has {len(options.class_weights)} numbers; the task has {len(task.classes)} classes: "
            f"{', '.join(task.classes)}."
        )
    if options.label_smoothing and not task.classes:
        raise UsageError("label_smoothing is for classes; this task is a regression.")
