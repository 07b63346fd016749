"""What a metric could be where no resample of the rows differs from them, as where none is wrong."""

from __future__ import annotations

import numpy as np

from headstart.core.types import Metric
from headstart.evaluation.results import Interval
from headstart.metrics._bases import MeanOfRows
from headstart.metrics._matching import turned_boxes
from headstart.metrics._measured import Measured

MOST = 200  # rows that are turned over


def edge_interval(metric: Metric, found: Measured, level: float, units: int) -> Interval:
    """Give the interval of a metric whose resamples all agree.

    If no row of n is otherwise, the share of rows that are may still be 1 - (1 - level) ** (1 / n), the exact bound
    (Clopper & Pearson 1934). So the other end is the metric where that share of the weight is on rows turned over:
    right ones decided wrongly and wrong ones rightly.

    Args:
        metric: The metric.
        found: Labels and predictions.
        level: Level of the interval.
        units: Rows, or groups of rows, n.

    Returns:
        The value with a one-sided interval; without one where turned rows change nothing.
    """
    share = 1 - (1 - level) ** (1 / units)
    if isinstance(metric, MeanOfRows):  # so many rows may be at the other limit
        value, (least, greatest) = float(metric.weighted(found)(found.unit)[0]), metric.limits
        end = value + share * ((least if value > least else greatest) - value)
        return Interval(value, min(value, end), max(value, end))
    rows = len(found.labels)
    turned = _turned(found, np.unique(np.linspace(0, rows - 1, min(rows, MOST)).astype(int)))
    both = Measured(
        found.form,
        found.names,
        np.concatenate([found.labels, turned.labels]),
        np.concatenate([found.predictions, turned.predictions]),
        _joined(found.decisions, turned.decisions),
        found.above,
        _joined(found.likelihoods, turned.likelihoods),
    )
    more = len(turned.labels)
    weights = np.concatenate([np.full(rows, (1 - share) / rows), np.full(more, share / more)])[:, None]
    compute = metric.weighted(both)
    value = float(metric.weighted(found)(found.unit)[0])
    end = float(compute(weights * rows)[0])
    if not np.isfinite(end) or end == value:
        return Interval(value)
    return Interval(value, min(value, end), max(value, end))


def _turned(found: Measured, places: np.ndarray) -> Measured:
    labels, predictions = found.labels[places], found.predictions[places]
    if found.form == "masks":  # pixels [N, C, 3], labelled, decided and both: a right one is decided as the next class
        labelled, both = labels[:, :, 0], labels[:, :, 2]
        turned = np.stack([labelled, labelled - both + np.roll(both, 1, axis=1), labelled - both], axis=2)
        return Measured(found.form, found.names, turned, turned)
    if (
        found.form == "tags"
    ):  # entities and words [N, C + 1, 3]: those that were missed are right, and the others are not
        labelled, decided, both = np.moveaxis(labels, 2, 0)
        turned = np.stack([labelled, np.maximum(decided, labelled - both), labelled - both], axis=2)
        return Measured(found.form, found.names, turned, turned)
    if found.form == "boxes":
        return Measured(found.form, found.names, labels, turned_boxes(labels, predictions))
    if found.form == "texts":
        answers = np.where(labels == predictions, "", labels).astype(object)
        known = found.likelihoods
        if known is not None:  # which has no other end: a nat more for each token
            known = known[places] + known[places, 1:] * np.array([1.0, 0.0])
        return Measured(found.form, found.names, labels, answers, likelihoods=known)
    if found.decisions is None:
        return Measured(found.form, found.names, labels, 2 * found.labels.mean(axis=0) - predictions)
    decisions = found.decisions[places]
    if decisions.ndim > 1:
        return Measured(found.form, found.names, labels, 1 - predictions, 1 - decisions)
    rows, rest = np.arange(len(places)), predictions.copy()
    rest[rows, decisions] = -1
    second = rest.argmax(axis=1)
    other = np.where(labels == decisions, second, labels)
    swapped = predictions.copy()
    swapped[rows, other], swapped[rows, decisions] = predictions[rows, decisions], predictions[rows, other]
    return Measured(found.form, found.names, labels, swapped, other, found.above)


def _joined(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    return None if first is None or second is None else np.concatenate([first, second])
