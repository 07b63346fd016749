"""Evaluate predictions: every metric that suits the target with its interval, tables by class, and notes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from headstart.core.types import Labels, Target
from headstart.evaluation.bootstrap import intervals, planned, sampled
from headstart.evaluation.intervals import shares
from headstart.evaluation.measure import class_table, confusion_table, measure, measured, values
from headstart.evaluation.results import Evaluation, finite
from headstart.metrics._find import suited


def evaluate(
    target: Target,
    labels: Labels,
    outputs: np.ndarray,
    *,
    seed: int = 0,
    resamples: int = 1000,
    level: float = 0.95,
    thresholds: Mapping[str, float] | None = None,
) -> Evaluation:
    """Measure the outputs of a target against its labels.

    Args:
        target: What was predicted.
        labels: Labels as the target encodes them: classes [N], 0 and 1 for each class [N, C], numbers [N, T].
        outputs: Outputs as its head decodes them: probabilities [N, C] or values [N, T].
        seed: Seed of the bootstrap's resamples.
        resamples: How many resamples the intervals are made of; 0 leaves the intervals out.
        level: Level of the intervals, such as 0.95.
        thresholds: Thresholds by class, as `calibrate` chose them; None decides as the target does without.

    Returns:
        The metrics with intervals: of shares of rows Wilson's, of others percentile bootstraps.

    Raises:
        DataError: Arrays do not fit the target or hold impossible values; every such row is listed.
        UsageError: An option is out of range.
    """
    found = measured(target, labels, outputs, thresholds)
    rows = len(found.labels)
    count, notes = planned(rows, target.outputs, resamples, level)
    known = suited(found.form, found.names)
    compute = measure(found)
    points = values(found, compute)
    metrics, left_out = intervals(points, sampled(compute, rows, seed=seed, resamples=count), level)
    if resamples:
        metrics |= shares(found, level)
    undefined = [
        f"{n} is undefined here: {known[n].undefined}." for n, value in points.items() if not np.isfinite(value)
    ]
    table = class_table(found)
    return Evaluation(
        primary=target.primary,
        metrics=metrics,
        per_class={name: {key: finite(value) for key, value in row.items()} for name, row in table.items()},
        confusion=confusion_table(found),
        higher_is_better={name: metric.higher_is_better for name, metric in known.items()},
        units={name: metric.unit(found.form, found.names) for name, metric in known.items()},
        rows=rows,
        level=level,
        notes=(*notes, *target.notes(found.labels), *undefined, *left_out),
    )
