"""The one number of the validation rows by which training keeps its best step: cheap, without intervals."""

from __future__ import annotations

import math

import numpy as np

from headstart.core.types import Task
from headstart.evaluation.calibrate import IMBALANCED
from headstart.evaluation.measure import measured
from headstart.evaluation.results import PRIMARY
from headstart.metrics import _find


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
    metric = _find.load(name)
    value = math.nan
    if len(targets) and np.isfinite(predictions).all():
        value = _find.value(metric, measured(task, targets, predictions))
    worst = -math.inf if metric.higher_is_better else math.inf
    return name, value if math.isfinite(value) else worst, metric.higher_is_better
