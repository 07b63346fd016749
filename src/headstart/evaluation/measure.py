"""Every metric of a target, on labels and predictions, for many resamples at once; and the tables by class."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from headstart.core.types import Labels, Target
from headstart.metrics import _find
from headstart.metrics._measured import Measured
from headstart.metrics._ranks import ratio

Measure = Callable[[np.ndarray], dict[str, np.ndarray]]  # weights [N, R] to [R] for each metric, NaN where undefined


def measured(
    target: Target, labels: Labels, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
) -> Measured:
    """Bring together what the metrics of a target are computed from.

    Args:
        target: What was predicted.
        labels: Labels of N rows.
        outputs: Outputs of the same rows, [N, outputs].
        thresholds: Thresholds to decide by, as `evaluate` takes them.

    Returns:
        What metrics take.

    Raises:
        DataError: Arrays do not fit the target or hold impossible values; every such row is listed.
    """
    y, p = target.check(labels, outputs)
    above = getattr(target, "above", None)
    find = getattr(target, "likelihoods", None)
    known = None if find is None else find(outputs)
    return Measured(target.form, target.names, y, p, target.decide(p, thresholds), above, known)


def measure(found: Measured) -> Measure:
    """Prepare every metric that suits; what does not depend on the weights is done once.

    Args:
        found: Labels and predictions.

    Returns:
        A function from weights [N, R] to metrics.
    """
    prepared = {name: metric.weighted(found) for name, metric in _find.suited(found).items()}
    return lambda weights: {name: compute(weights) for name, compute in prepared.items()}


def values(found: Measured, compute: Measure) -> dict[str, float]:
    """Compute metrics where each row counts once.

    Args:
        found: Labels and predictions.
        compute: What `measure` made of them.

    Returns:
        Values by name; NaN where undefined.
    """
    return {name: float(value[0]) for name, value in compute(found.unit).items()}


def class_table(found: Measured) -> dict[str, dict[str, float]]:
    """Compute precision, recall, f1 and support by class; of several columns of values, their metrics by column."""
    if found.decisions is None:
        parts = (
            {name: found.column(place) for place, name in enumerate(found.names)}
            if len(found.names) > 1 and found.labels.ndim > 1
            else {}
        )
        return {name: values(part, measure(part)) for name, part in parts.items()}
    support, chosen, hits = (count[:, 0] for count in found.counts(found.unit))  # each [C]
    f1 = ratio(2 * hits, support + chosen)
    columns = {"precision": ratio(hits, chosen), "recall": ratio(hits, support), "f1": f1, "support": support}
    return {name: {key: float(c[place]) for key, c in columns.items()} for place, name in enumerate(found.names)}


def confusion_table(found: Measured) -> list[list[int]] | None:
    """Count rows by label (down) and decision (across); None where rows have no single class."""
    if found.decisions is None or found.decisions.ndim > 1:
        return None
    classes = len(found.names)
    cells = np.bincount(found.labels * classes + found.decisions, minlength=classes**2)
    return cells.reshape(classes, classes).tolist()
