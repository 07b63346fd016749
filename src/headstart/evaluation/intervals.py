"""Intervals that have their value inside and are never empty: of shares, and of other metrics from their resamples.

The interval of a share is Wilson's (1927). Others are as wide as the bootstrap's percentiles, around the value on
the scale that its limits ask for (logit or log), and moved outward by the bias that the bootstrap finds (Efron &
Tibshirani 1993, chapters 10 and 13): percentiles themselves miss the value where rows drawn twice move a metric.
"""

from __future__ import annotations

import math

import numpy as np

from headstart.core.errors import UsageError
from headstart.evaluation.results import Interval, finite
from headstart.metrics._bases import ShareOfRows
from headstart.metrics._find import suited
from headstart.metrics._measured import Measured

FARTHEST = 30.0  # on a log scale


def share_interval(right: float, rows: float, level: float = 0.95) -> Interval:
    """Give the interval of a share: Wilson's (1927), and where none or all are right the exact one-sided bound.

    Args:
        right: How many are right, k; not whole where rows count by groups.
        rows: Of how many, n.
        level: Level of the interval.

    Returns:
        k / n with an interval that has it inside and is never empty.

    Raises:
        UsageError: There is no row, or k is not among 0 to n.
    """
    _check(right, rows)
    if right in (0, rows):
        return Interval(right / rows, at_least(right, rows, level), 1 - at_least(rows - right, rows, level))
    share, z2 = right / rows, _normal((1 + level) / 2) ** 2
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = math.sqrt(z2 * (share * (1 - share) + z2 / (4 * rows)) / rows) / (1 + z2 / rows)
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def at_least(right: float, rows: float, level: float = 0.95) -> float:
    """Give the exact one-sided lower bound of a share (Clopper & Pearson 1934); of 9 of 9 it is 0.717.

    One minus that of the rest is the upper bound.

    Args:
        right: How many are right, k.
        rows: Of how many, n.
        level: How sure it is.

    Returns:
        The share that the true one is not below; 0 where none is right.

    Raises:
        UsageError: There is no row, or k is not among 0 to n.
    """
    from scipy.special import betaincinv

    _check(right, rows)
    return 0.0 if right == 0 else float(betaincinv(right, rows - right + 1, 1 - level))


def shares(found: Measured, level: float, groups: np.ndarray | None = None) -> dict[str, Interval]:
    """Give the metrics that are shares of rows their intervals.

    Args:
        found: Labels and predictions.
        level: Level of the intervals.
        groups: The place of each row's group, [N]. Rows of one group tell less than as many others: they count as
            the rows that would vary as much (Korn & Graubard 1998), at the edge as one a group.

    Returns:
        The intervals by name of the metric; without those of no row.
    """
    intervals = {}
    for name, metric in suited(found).items():
        if isinstance(metric, ShareOfRows):
            right, among = metric.counted(found)
            if among.any():
                share = float(right[among].mean())
                rows = _effective(right[among], None if groups is None else groups[among])
                interval = share_interval(share * rows if 0 < share < 1 else share and rows, rows, level)
                intervals[name] = Interval(share, interval.low, interval.high)
    return intervals


def spread_interval(
    value: float, spread: np.ndarray, level: float, limits: tuple[float, float] = (-math.inf, math.inf)
) -> tuple[Interval, str]:
    """Give the interval of a value from its resamples.

    Args:
        value: The value; NaN where undefined.
        spread: The same on resamples, [R]; NaN where a resample leaves it undefined. Empty gives no interval.
        level: Level of the interval.
        limits: The least and the greatest value that there can be.

    Returns:
        The interval, and how many resamples it leaves out, "" where none. Its width is 0 where all resamples agree.
    """
    known = spread[np.isfinite(spread)] if np.isfinite(value) else np.empty(0)
    if known.size < 2:
        return Interval(finite(value)), ""
    missing = f"undefined in {len(spread) - known.size} of {len(spread)} resamples" if known.size < len(spread) else ""
    least, greatest = limits
    low, middle, high = (float(q) for q in np.quantile(known, [(1 - level) / 2, 0.5, (1 + level) / 2]))
    if not least < value < greatest:  # no scale has room for it
        return Interval(value, min(value, low), max(value, high)), missing
    half, bias = (high - low) / 2, middle - value  # of quantiles: one wild resample is not to decide
    low, high = _around(value, half, limits)
    return Interval(value, max(least, low - max(bias, 0)), min(greatest, high - min(bias, 0))), missing


def difference_interval(right_a: np.ndarray, right_b: np.ndarray, level: float) -> Interval:
    """Give the interval of the difference of two shares of the same rows, b minus a (Bonett & Price 2012).

    Args:
        right_a: Which rows are right in the first, [N] bool.
        right_b: The same of the second.
        level: Level of the interval.

    Returns:
        The difference with an interval that is never empty.
    """
    rows = len(right_a)
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p, q = (only_b + 1) / (rows + 2), (only_a + 1) / (rows + 2)
    half = _normal((1 + level) / 2) * math.sqrt((p + q - (p - q) ** 2) / (rows + 2))
    value, middle = (only_b - only_a) / rows, p - q
    return Interval(value, max(-1.0, min(value, middle - half)), min(1.0, max(value, middle + half)))


def _around(value: float, half: float, limits: tuple[float, float]) -> tuple[float, float]:
    """Go so far to both sides on the scale that has no limits: logit, log, or the value's own."""
    least, greatest = limits
    below, above = value - least, greatest - value
    if math.isinf(below) and math.isinf(above):
        return value - half, value + half
    if math.isinf(above):
        factor = math.exp(min(half / below, FARTHEST))
        return least + below / factor, least + below * factor
    if math.isinf(below):
        factor = math.exp(min(half / above, FARTHEST))
        return greatest - above * factor, greatest - above / factor
    factor = math.exp(min(half * (greatest - least) / (below * above), FARTHEST))
    low, high = below / above / factor, below / above * factor
    return least + (greatest - least) * low / (1 + low), least + (greatest - least) * high / (1 + high)


def _effective(right: np.ndarray, groups: np.ndarray | None) -> float:
    """Say as how many rows alone these count."""
    rows = len(right)
    if groups is None:
        return rows
    _, places = np.unique(groups, return_inverse=True)
    units, share = int(places.max()) + 1, right.mean()
    if units == 1 or share in (0, 1):
        return units
    sums = np.bincount(places, right - share)
    effect = float((sums**2).sum() * units / (units - 1) / (rows * share * (1 - share)))
    return rows / max(effect, 1.0)


def _normal(share: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(share))


def _check(right: float, rows: float) -> None:
    if not 0 <= right <= rows or rows <= 0:
        raise UsageError(f"A share is of 1 row or more, of which 0 to all are right; got {right} of {rows}.")
