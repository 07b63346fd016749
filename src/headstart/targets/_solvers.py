"""From labels to what a solver fits: the same loss as a head's, as a problem on constant features."""

from __future__ import annotations

from typing import Any

import numpy as np

from headstart.core.types import Solving
from headstart.solvers.logistic import Problem, logistic
from headstart.solvers.solution import Solution
from headstart.targets._balance import Balance


def solve_classes(
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    balance: Balance,
    wanted: Solving,
) -> Solution:
    """Minimise the cross-entropy of rows of one class each, with smoothing, weights and shift as in training.

    A shift of the logits is a shift of the biases, which no penalty holds: it is taken off the solution.

    Args:
        features: [N, D].
        labels: [N] int64.
        classes: Their number C.
        balance: What the loss is changed by.
        wanted: The loss and the folds.

    Returns:
        The layer.
    """
    weights = class_weights(labels, classes, balance, wanted)
    smooth = wanted.options.label_smoothing
    targets = np.eye(classes)[labels] * (1 - smooth) + smooth / classes
    problem = Problem(targets, weights[:, None], "softmax")
    found = logistic(features, problem, strata=labels, **_how(wanted))
    if not balance.shift:
        return found
    shift = np.asarray(balance.shift)
    return found._replace(bias=found.bias - shift, out_of_fold=found.out_of_fold - shift)


def solve_labels(features: np.ndarray, labels: np.ndarray, balance: Balance, wanted: Solving) -> Solution:
    """Minimise the binary cross-entropy of rows [N, C] with any number of classes; weights multiply the positives."""
    smooth = wanted.options.label_smoothing
    targets = labels * (1 - smooth) + smooth / 2
    weights = label_weights(labels, wanted, balance)
    problem = Problem(targets, weights, "sigmoid")
    return logistic(features, problem, **_how(wanted))


def _how(wanted: Solving) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in ("seed", "groups", "chosen", "left_out")}


def class_weights(labels: np.ndarray, classes: int, balance: Balance, wanted: Solving) -> np.ndarray:
    """Return the weight of each row, [N], 1 on average.

    Args:
        labels: [N] int64.
        classes: Their number C.
        balance: What the loss is changed by.
        wanted: The loss; of the way "sampler", which draws each class equally often, the weights say the same.

    Returns:
        The weights.
    """
    each = np.ones(classes)
    if given := wanted.options.class_weights or balance.weights:
        each = np.asarray(given, dtype=np.float64)
    elif wanted.imbalance == "sampler":
        each = 1 / np.bincount(labels, minlength=classes).clip(min=1)
    weights = each[labels] if wanted.weights is None else each[labels] * wanted.weights
    return weights / weights.mean()


def label_weights(labels: np.ndarray, wanted: Solving, balance: Balance) -> np.ndarray:
    """Return the weight of each row and label, [N, C]: of the positives what is given for their class."""
    given = wanted.options.class_weights or balance.weights
    each = np.where(labels > 0.5, np.asarray(given), 1.0) if given else np.ones(labels.shape)
    return each if wanted.weights is None else each * wanted.weights[:, None]
