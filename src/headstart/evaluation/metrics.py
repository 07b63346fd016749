"""Evaluate predictions: every metric that suits the target with its interval, tables by class, and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from headstart.core.seeding import numpy_generator
from headstart.core.types import Labels, Metric, Target
from headstart.evaluation.bootstrap import group_places, planned, sampled
from headstart.evaluation.edges import edge_interval
from headstart.evaluation.intervals import shares, spread_interval
from headstart.evaluation.measure import class_table, confusion_table, measure, measured, values
from headstart.evaluation.results import Evaluation, Interval, finite
from headstart.metrics._bases import Gap, MeanOfRows
from headstart.metrics._find import suited
from headstart.metrics._measured import Measured

FORMS = ("classes", "labels", "values", "masks", "boxes", "texts", "tags")  # those that rows can be turned over in


def evaluate(
    target: Target,
    labels: Labels,
    outputs: np.ndarray,
    *,
    seed: int = 0,
    resamples: int = 1000,
    level: float = 0.95,
    groups: Sequence[str] | None = None,
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
        groups: What the rows belong to, N, such as patients: rows of one are drawn together. None lets each be alone.
        thresholds: Thresholds by class, as `calibrate` chose them; None decides as the target does without.

    Returns:
        The metrics with intervals: of shares of rows Wilson's, of others from a bootstrap (`evaluation/intervals.py`).

    Raises:
        DataError: Arrays do not fit the target or hold impossible values; every such row is listed.
        UsageError: An option is out of range.
    """
    found = measured(target, labels, outputs, thresholds)
    rows = len(found.labels)
    count, details = planned(rows, target.outputs, resamples, level)
    places = group_places(groups)
    known = suited(found)
    compute = measure(found)
    points = values(found, compute)
    spread = sampled(compute, rows, seed=seed, resamples=count, groups=places)
    units = rows if places is None else int(places.max()) + 1
    metrics = shares(found, level, places) if resamples else {}
    for name, value in points.items():
        if name in metrics:
            continue
        metrics[name], missing = spread_interval(value, spread.get(name, np.empty(0)), level, known[name].limits)
        if metrics[name].empty and (found.form in FORMS or isinstance(known[name], MeanOfRows)):
            metrics[name] = edge_interval(known[name], found, level, units)
        metrics[name] = _less_chance(metrics[name], known[name], found, seed)
        if missing:
            details.append(f"{name}: {missing}")
    if places is not None and count:
        details.append(f"intervals: {units:,} groups of rows are drawn, not {rows:,} rows")
    undefined = [
        f"{n} is undefined here: {known[n].undefined}." for n, value in points.items() if not np.isfinite(value)
    ]
    table = class_table(found)
    return Evaluation(
        primary=target.primary,
        metrics={name: metrics[name] for name in points},
        per_class={name: {key: finite(value) for key, value in row.items()} for name, row in table.items()},
        confusion=confusion_table(found),
        higher_is_better={name: metric.higher_is_better for name, metric in known.items()},
        units={name: metric.unit(found.form, found.names) for name, metric in known.items()},
        rows=rows,
        level=level,
        notes=(*target.notes(found.labels), *undefined),
        details=details,
    )


def _less_chance(interval: Interval, metric: Metric, found: Measured, seed: int) -> Interval:
    """Move the lower end of a gap by what chance alone gives: resamples hold that part of the gap for true."""
    if not isinstance(metric, Gap) or interval.low is None:
        return interval
    chance = float(metric.chance(found, numpy_generator(seed, "chance"), 1000).mean())
    return replace(interval, low=max(metric.limits[0], interval.low - chance))
