"""Evaluate predictions: every metric of the task's kind with its interval, tables by class, and notes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from headstart.core.types import Task
from headstart.evaluation.bootstrap import intervals, planned, sampled
from headstart.evaluation.checks import checked
from headstart.evaluation.points import class_table, confusion_table, constant, point_values
from headstart.evaluation.results import PRIMARY, UNDEFINED, Evaluation, Interval, finite
from headstart.evaluation.thresholds import decide
from headstart.evaluation.weighted import measure


def evaluate(
    task: Task,
    targets: np.ndarray,
    predictions: np.ndarray,
    *,
    seed: int = 0,
    resamples: int = 1000,
    level: float = 0.95,
    thresholds: Mapping[str, float] | None = None,
) -> Evaluation:
    """Measure predictions against labels.

    Args:
        task: What was predicted.
        targets: Labels: classes [N], 0 and 1 for each class [N, C], or numbers [N, T].
        predictions: Probabilities [N, C], for binary tasks C = 2; or values [N, T].
        seed: Of the bootstrap's resamples.
        resamples: How many resamples the intervals are made of; 0 leaves the intervals out.
        level: Of the intervals, such as 0.95.
        thresholds: By class, from `choose_thresholds` on validation rows; None decides for the likeliest class,
            in multi-label tasks from 0.5 on.

    Returns:
        The metrics with percentile bootstrap intervals.

    Raises:
        DataError: Arrays do not fit the task or hold impossible values; every such row is listed.
        UsageError: An option is out of range.
    """
    y, p = checked(task, targets, predictions)
    decided = None if task.kind == "regression" else decide(task, p, thresholds)
    count, notes = planned(len(y), task.outputs, resamples, level)
    values = point_values(task, y, p, decided)
    spread = sampled(measure(task, y, p, decided), len(y), seed=seed, resamples=count) if count else {}
    metrics, left_out = intervals(values, spread, level)
    table = class_table(task, y, p, decided)
    return Evaluation(
        primary=PRIMARY[task.kind],
        metrics=metrics,
        per_class={name: {key: finite(value) for key, value in row.items()} for name, row in table.items()},
        confusion=confusion_table(task, y, decided),
        rows=len(y),
        level=level,
        notes=(*notes, *_absences(task, y), *_undefined(values), *left_out, *_without_width(metrics, len(y), level)),
    )


def _absences(task: Task, y: np.ndarray) -> list[str]:
    if task.kind == "regression":
        fixed = [f"'{label}'" for label, same in zip(task.labels, constant(y), strict=True) if same]
        return [f"All rows have the same label for {', '.join(fixed)}."] if fixed else []
    support = y.sum(axis=0) if task.kind == "multilabel" else np.bincount(y, minlength=len(task.classes))
    absent = [f"'{name}'" for name, rows in zip(task.classes, support, strict=True) if not rows]
    if not absent:
        return []
    return [f"No row is of the class {', '.join(absent)}: averages over classes count it only where it is predicted."]


def _undefined(values: Mapping[str, float]) -> list[str]:
    return [f"{name} is undefined here: {UNDEFINED[name]}." for name, value in values.items() if not np.isfinite(value)]


def _without_width(metrics: Mapping[str, Interval], rows: int, level: float) -> list[str]:
    """Warn of a perfect accuracy: no resample of rows without an error has an error, however few the rows are."""
    accuracy = metrics.get("accuracy")
    if accuracy is None or accuracy.value != 1.0 or rows < 2:
        return []
    least = (1 - level) ** (1 / rows)  # the exact binomial bound (Clopper & Pearson 1934), one-sided
    return [f"No error in {rows} rows, so that no resample has one; the accuracy is above {least:.3f} at {level:.0%}."]
