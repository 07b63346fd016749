"""Evaluate predictions: every metric that suits the task with its interval, tables by class, and notes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from headstart.core.types import Task
from headstart.evaluation.bootstrap import intervals, planned, sampled
from headstart.evaluation.checks import checked
from headstart.evaluation.measure import class_table, confusion_table, measure, measured, values
from headstart.evaluation.results import PRIMARY, Evaluation, finite
from headstart.metrics._find import suited
from headstart.metrics._measured import Measured
from headstart.metrics._ranks import constant


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
    count, notes = planned(len(y), task.outputs, resamples, level)
    found = measured(task, y, p, thresholds)
    known = suited(found.form, found.names)
    compute = measure(found)
    points = values(found, compute)
    metrics, left_out = intervals(points, sampled(compute, len(y), seed=seed, resamples=count), level)
    undefined = [
        f"{n} is undefined here: {known[n].undefined}." for n, value in points.items() if not np.isfinite(value)
    ]
    table = class_table(found)
    return Evaluation(
        primary=PRIMARY[task.kind],
        metrics=metrics,
        per_class={name: {key: finite(value) for key, value in row.items()} for name, row in table.items()},
        confusion=confusion_table(found),
        higher_is_better={name: metric.higher_is_better for name, metric in known.items()},
        units={name: metric.unit(found.form, found.names) for name, metric in known.items()},
        rows=len(y),
        level=level,
        notes=(*notes, *_absences(task, y), *undefined, *left_out, *_without_width(found, level)),
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


def _without_width(found: Measured, level: float) -> list[str]:
    """Warn of decisions without an error: no resample of such rows has one, however few the rows are."""
    rows = len(found.labels)
    if found.decisions is None or rows < 2 or not found.right.all():
        return []
    least = (1 - level) ** (1 / rows)  # the exact binomial bound (Clopper & Pearson 1934), one-sided
    return [
        f"No error in {rows} rows, so that no resample has one; the share of rows without error is above {least:.3f} "
        f"at {level:.0%}."
    ]
