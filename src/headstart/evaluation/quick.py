"""The one number of the validation rows by which training keeps its best step: cheap, without intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from headstart.core.types import Labels, Target, Task
from headstart.evaluation.measure import measured
from headstart.metrics import _find

MEAN_LOSS = "mean_loss"  # the figure of several targets


def score(target: Target, labels: Labels, outputs: np.ndarray) -> tuple[str, float, bool]:
    """Score outputs by the metric that the target selects steps by.

    Args:
        target: What was predicted.
        labels: Labels of N rows.
        outputs: Probabilities [N, C] or values [N, T].

    Returns:
        The metric's name, its value, and whether higher is better. The value is the worst there is (minus or
        plus infinity) where outputs are not finite or the metric is undefined: such a step is never the best.
    """
    name = target.selection(labels)
    metric = _find.load(name)
    value = math.nan
    if len(labels) and np.isfinite(outputs).all():
        value = _find.value(metric, measured(target, labels, outputs))
    worst = -math.inf if metric.higher_is_better else math.inf
    return name, value if math.isfinite(value) else worst, metric.higher_is_better


def score_all(task: Task, labels: Mapping[str, Labels], outputs: Mapping[str, np.ndarray]) -> tuple[str, float, bool]:
    """Score all targets by one number: as `score` where there is one, else by the mean of their validation losses.

    Args:
        task: A task with at least one target.
        labels: Labels by target.
        outputs: Outputs by target.

    Returns:
        What the number is called, its value, and whether higher is better; the value is the worst there is where it
        is undefined.
    """
    if len(task.predicted) == 1:
        ((name, target),) = task.predicted.items()
        return score(target, labels[name], outputs[name])
    return MEAN_LOSS, mean_loss(task, labels, outputs), False


def mean_loss(task: Task, labels: Mapping[str, Labels], outputs: Mapping[str, np.ndarray]) -> float:
    """Average the validation losses of all targets; infinite where one is not finite.

    Args:
        task: A task with at least one target.
        labels: Labels by target.
        outputs: Decoded, by target.

    Returns:
        The mean, lower being better.
    """
    losses = [target.validation_loss(labels[name], outputs[name]) for name, target in task.predicted.items()]
    value = float(np.mean(losses))
    return value if math.isfinite(value) else math.inf
