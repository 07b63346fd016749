"""The one number of the validation rows by which training keeps its best step: cheap, without intervals."""

from __future__ import annotations

import math

import numpy as np

from headstart.core.types import Task
from headstart.evaluation.calibrate import IMBALANCED
from headstart.evaluation.results import HIGHER_IS_BETTER, PRIMARY
from headstart.evaluation.weighted_ranks import ranking


def score(task: Task, targets: np.ndarray, predictions: np.ndarray) -> tuple[str, float, bool]:
    """Score predictions by the task's primary metric; binary ones of unequal classes by AUROC.

    Where one class is rare, accuracy is best at first, when nothing is learnt and every row is the frequent class.

    Args:
        task: What was predicted.
        targets: Labels [N], [N, C] or [N, T].
        predictions: Probabilities [N, C] or values [N, T].

    Returns:
        The metric's name, its value, and whether higher is better. The value is the worst there is (minus or
        plus infinity) where predictions are not finite or the metric is undefined: such a step is never the best.
    """
    rare = task.kind == "binary" and np.bincount(targets, minlength=2).min() < IMBALANCED * len(targets)
    name = "auroc" if rare else PRIMARY[task.kind]
    higher = HIGHER_IS_BETTER[name]
    value = _value(task, name, targets, predictions) if len(targets) and np.isfinite(predictions).all() else math.nan
    worst = -math.inf if higher else math.inf
    return name, value if math.isfinite(value) else worst, higher


def _value(task: Task, name: str, targets: np.ndarray, predictions: np.ndarray) -> float:
    unit = np.ones((len(targets), 1))
    if name == "auroc":
        return float(ranking(targets == 1, predictions[:, 1])(unit)[0][0])
    if task.kind == "regression":
        squared = (np.asarray(predictions, np.float64) - targets) ** 2
        return float(np.sqrt(squared.mean(axis=0)).mean())
    if task.kind == "multilabel":
        present = np.flatnonzero(targets.any(axis=0))
        precision = [ranking(targets[:, c] == 1, predictions[:, c])(unit)[1][0] for c in present]
        return float(np.mean(precision)) if precision else math.nan
    return float((predictions.argmax(axis=1) == targets).mean())
