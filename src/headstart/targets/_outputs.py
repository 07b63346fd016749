"""What the numbers of a head mean: the loss, and the decoding to probabilities or values. Imports torch."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.types import Labels, LossOptions, Solving
from headstart.solvers import boosting
from headstart.solvers.solution import Solution
from headstart.targets._balance import Balance, balance_classes, balance_labels


class Output(nn.Module):
    """What a head's numbers mean for one target; its buffers are saved with the head."""

    def start(self, labels: Labels) -> None:
        """Take what is needed from the encoded training labels before training; nothing unless a kind says so."""

    def rebalance(self, kind: str, labels: Labels) -> None:
        """Make up for rare classes from now on, by the training labels; nothing where there are no classes.

        Args:
            kind: A value of the recipe's `imbalance`; one that this output has no use for changes nothing.
            labels: Labels as the target's `encode` gave them.
        """

    @abstractmethod
    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Compute the mean loss of outputs [B, outputs] for labels [B, …]."""

    @abstractmethod
    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Turn outputs [B, outputs] into probabilities or values."""

    def solves(self, wanted: Solving) -> bool:
        """Return whether `solve` finds a linear layer's optimum under this loss; a kind without a solver does not."""
        return False

    def solve(self, features: np.ndarray, labels: Labels, wanted: Solving) -> Solution:
        """Find the linear layer of least loss on features that stay the same.

        Args:
            features: [N, D].
            labels: As the target's `encode` gave them.
            wanted: The loss, whose way with rare classes `rebalance` has been told, and the folds.

        Returns:
            The layer.

        Raises:
            UsageError: There is no solver for it.
        """
        raise UsageError("This kind of target has no solver: leave optimiser = 'solve' away.")

    def for_trees(self, labels: Labels, wanted: Solving) -> tuple[boosting.Labels, float | np.ndarray]:
        """Say what boosted trees are fitted to, where `solves` holds.

        Args:
            labels: As the target's `encode` gave them.
            wanted: The loss, whose way with rare classes `rebalance` has been told.

        Returns:
            The labels of trees, and what is taken off their outputs.

        Raises:
            UsageError: Trees have no loss for it.
        """
        raise UsageError(f"This kind of target is not for boosted trees: take another head ({option('head')}).")

    def comparable(self, out: torch.Tensor) -> torch.Tensor:
        """Return what two answers are compared by: what outputs [B, outputs] decode to, unless that has a unit."""
        return self.decode(out)

    def guess(self, probabilities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take the likeliest labels for the right ones.

        Args:
            probabilities: What `decode` gave.

        Returns:
            The probabilities that would be right, of the same shape; how likely each guess is, [B], or [B, C] where
            each class has a label of its own.

        Raises:
            UsageError: The target has no classes.
        """
        raise UsageError("This kind of target has no classes that could be guessed.")

    def cross_entropy(self, out: torch.Tensor, probabilities: torch.Tensor) -> torch.Tensor:
        """Compute the cross-entropy of each guess.

        Args:
            out: Outputs [B, outputs].
            probabilities: Of the classes, as `decode` gives them; what should have been answered.

        Returns:
            [B], or [B, C] where each class has a label of its own.

        Raises:
            UsageError: The target has no classes.
        """
        raise UsageError("This kind of target has no classes that could be guessed.")


class ClassOutput(Output):
    """Exactly one class: logits [B, C], labels [B] int64. Cross-entropy; softmax."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.balance = Balance()

    def rebalance(self, kind: str, labels: Labels) -> None:
        """Make up for rare classes from now on, by the labels [N] of the training rows."""
        self.balance = balance_classes(kind, labels, self.classes)

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

    def solves(self, wanted: Solving) -> bool:
        """Return True, but for focal loss: the weights of its rows depend on the answers."""
        return wanted.imbalance != "focal"

    def solve(self, features: np.ndarray, labels: Labels, wanted: Solving) -> Solution:
        """Fit multinomial logistic regression; arguments as of `Output.solve`."""
        from headstart.targets._solvers import solve_classes

        return solve_classes(features, labels, self.classes, self.balance, wanted)

    def for_trees(self, labels: Labels, wanted: Solving) -> tuple[boosting.Labels, float | np.ndarray]:
        """Return the classes with the weights of rows, and the shift; arguments as of `Output.for_trees`."""
        from headstart.targets._solvers import class_weights

        weights = class_weights(labels, self.classes, self.balance, wanted)
        shift = np.asarray(self.balance.shift) if self.balance.shift else 0.0
        return boosting.Labels("one", labels, weights, self.classes), shift

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Return probabilities [B, C]."""
        return out.softmax(dim=1)

    def guess(self, probabilities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take the likeliest class of each row: [B, C] of 0 and 1, and its probability [B]."""
        likely, label = probabilities.max(dim=1)
        return functional.one_hot(label, self.classes).to(probabilities.dtype), likely

    def cross_entropy(self, out: torch.Tensor, probabilities: torch.Tensor) -> torch.Tensor:
        """Compute the cross-entropy of each row, [B]; arguments as of `Output.cross_entropy`."""
        return functional.cross_entropy(out, probabilities, reduction="none")


class LabelsOutput(Output):
    """Any number of classes: logits [B, C], labels [B, C] of 0 and 1. Binary cross-entropy; sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.balance = Balance()

    def rebalance(self, kind: str, labels: Labels) -> None:
        """Make up for rare labels from now on, by the labels [N, C] of the training rows."""
        self.balance = balance_labels(kind, labels)

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

    def solves(self, wanted: Solving) -> bool:
        """Return True, but for focal loss and batches drawn by class."""
        return wanted.imbalance not in ("focal", "sampler")

    def solve(self, features: np.ndarray, labels: Labels, wanted: Solving) -> Solution:
        """Fit a logistic regression for each class; arguments as of `Output.solve`."""
        from headstart.targets._solvers import solve_labels

        return solve_labels(features, labels, self.balance, wanted)

    def for_trees(self, labels: Labels, wanted: Solving) -> tuple[boosting.Labels, float | np.ndarray]:
        """Return the labels with their weights; arguments as of `Output.for_trees`."""
        from headstart.targets._solvers import label_weights

        return boosting.Labels("any", labels, label_weights(labels, wanted, self.balance), labels.shape[1]), 0.0

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Return a probability for each class, [B, C]."""
        return out.sigmoid()

    def guess(self, probabilities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take the likelier of 0 and 1 for each label, [B, C], and its probability [B, C]."""
        return (probabilities >= 0.5).to(probabilities.dtype), torch.maximum(probabilities, 1 - probabilities)

    def cross_entropy(self, out: torch.Tensor, probabilities: torch.Tensor) -> torch.Tensor:
        """Compute the binary cross-entropy of each label, [B, C]; arguments as of `Output.cross_entropy`."""
        return functional.binary_cross_entropy_with_logits(out, probabilities, reduction="none")


class ValuesOutput(Output):
    """Numbers: the head works in standard deviations of the training labels; `decode` gives the label's own unit."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, targets: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(targets))
        self.register_buffer("std", torch.ones(targets))

    def start(self, labels: Labels) -> None:
        """Take mean and deviation from the training labels [N, T]."""
        values = torch.from_numpy(labels)
        self.mean.copy_(values.mean(dim=0))
        self.std.copy_(values.double().std(dim=0, correction=0).clamp(min=1e-8))

    def solves(self, wanted: Solving) -> bool:
        """Return True for squared errors."""
        return wanted.options.loss != "huber"

    def solve(self, features: np.ndarray, labels: Labels, wanted: Solving) -> Solution:
        """Fit ridge regression to the labels in standard deviations; arguments as of `Output.solve`."""
        from headstart.solvers.ridge import ridge

        z = (labels - self.mean.cpu().numpy()) / self.std.cpu().numpy()
        return ridge(features, z, seed=wanted.seed, groups=wanted.groups, weights=wanted.weights)

    def for_trees(self, labels: Labels, wanted: Solving) -> tuple[boosting.Labels, float | np.ndarray]:
        """Return the labels in standard deviations; arguments as of `Output.for_trees`."""
        z = (labels - self.mean.cpu().numpy()) / self.std.cpu().numpy()
        weights = np.ones(z.shape) if wanted.weights is None else np.broadcast_to(wanted.weights[:, None], z.shape)
        return boosting.Labels("values", z, weights, z.shape[1]), 0.0

    def loss(self, out: torch.Tensor, y: torch.Tensor, options: LossOptions) -> torch.Tensor:
        """Compute the mean squared error, or Huber's loss (1964) with its bend at one standard deviation."""
        z = (y - self.mean) / self.std
        return functional.huber_loss(out, z) if options.loss == "huber" else functional.mse_loss(out, z)

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Return values [B, T] in the unit of the labels."""
        return out * self.std + self.mean

    def comparable(self, out: torch.Tensor) -> torch.Tensor:
        """Return values [B, T] in standard deviations of the training labels."""
        return out
