"""From labels to what a solver fits: the same loss as a head's, as a problem on constant features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.core.types import LossOptions
from headstart.solvers.logistic import Problem, logistic
from headstart.solvers.solution import Solution
from headstart.targets._balance import Balance


def solve_classes(
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    options: LossOptions,
    balance: Balance,
    imbalance: str,
    *,
    seed: int,
    groups: Sequence[str] | None,
) -> Solution:
    """Minimise the cross-entropy of rows of one class each, with smoothing, weights and shift as in training.

    A shift of the logits is a shift of the biases, which no penalty holds: it is taken off the solution.

    Args:
        features: [N, D].
        labels: [N] int64.
        classes: Their number C.
        options: Options of the loss.
        balance: What the loss is changed by.
        imbalance: Of "sampler", which draws each class equally often, the rows' weights say the same.
        seed: Of the folds.
        groups: Of each row.

    Returns:
        The layer.
    """
    weights = class_weights(labels, classes, options, balance, imbalance)
    smooth = options.label_smoothing
    targets = np.eye(classes)[labels] * (1 - smooth) + smooth / classes
    found = logistic(features, Problem(targets, weights[:, None], "softmax"), seed=seed, strata=labels, groups=groups)
    if not balance.shift:
        return found
    shift = np.asarray(balance.shift)
    return found._replace(bias=found.bias - shift, out_of_fold=found.out_of_fold - shift)


def solve_labels(
    features: np.ndarray,
    labels: np.ndarray,
    options: LossOptions,
    balance: Balance,
    *,
    seed: int,
    groups: Sequence[str] | None,
) -> Solution:
    """Minimise the binary cross-entropy of rows [N, C] with any number of classes; weights multiply the positives."""
    smooth = options.label_smoothing
    targets = labels * (1 - smooth) + smooth / 2
    weights = label_weights(labels, options, balance)
    return logistic(features, Problem(targets, weights, "sigmoid"), seed=seed, groups=groups)


def class_weights(
    labels: np.ndarray, classes: int, options: LossOptions, balance: Balance, imbalance: str
) -> np.ndarray:
    """Return the weight of each row, [N], 1 on average.

    Args:
        labels: [N] int64.
        classes: Their number C.
        options: Options of the loss.
        balance: What the loss is changed by.
        imbalance: Of "sampler", which draws each class equally often, the weights say the same.

    Returns:
        The weights.
    """
    each = np.ones(classes)
    if given := options.class_weights or balance.weights:
        each = np.asarray(given, dtype=np.float64)
    elif imbalance == "sampler":
        each = 1 / np.bincount(labels, minlength=classes).clip(min=1)
    return each[labels] / each[labels].mean()


def label_weights(labels: np.ndarray, options: LossOptions, balance: Balance) -> np.ndarray:
    """Return the weight of each row and label, [N, C]: of the positives what is given for their class."""
    given = options.class_weights or balance.weights
    return np.where(labels > 0.5, np.asarray(given), 1.0) if given else np.ones(labels.shape)
