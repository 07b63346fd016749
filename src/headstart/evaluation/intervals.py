"""Intervals of a share, k of n, that are right for few rows and never empty."""

from __future__ import annotations

import math

from headstart.core.errors import UsageError
from headstart.evaluation.results import Interval
from headstart.metrics._bases import ShareOfRows
from headstart.metrics._find import suited
from headstart.metrics._measured import Measured


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
        return Interval(right / rows, at_least(right, rows, level), at_most(right, rows, level))
    share, z2 = right / rows, _normal((1 + level) / 2) ** 2
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = math.sqrt(z2 * (share * (1 - share) + z2 / (4 * rows)) / rows) / (1 + z2 / rows)
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def at_least(right: float, rows: float, level: float = 0.95) -> float:
    """Give the exact one-sided lower bound of a share (Clopper & Pearson 1934); of 9 of 9 it is 0.717.

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


def at_most(right: float, rows: float, level: float = 0.95) -> float:
    """Give the exact one-sided upper bound of a share (Clopper & Pearson 1934); of 0 of 9 it is 0.283.

    Args:
        right: How many are right, k.
        rows: Of how many, n.
        level: How sure it is.

    Returns:
        The share that the true one is not above; 1 where all are right.

    Raises:
        UsageError: There is no row, or k is not among 0 to n.
    """
    return 1 - at_least(rows - right, rows, level)


def share_text(right: int, rows: int, level: float = 0.95) -> str:
    """Write a share for a headline: "9 of 9 right, at least 72 %", "7 of 9 right, 45 to 94 %".

    Args:
        right: How many are right.
        rows: Of how many.
        level: Level of the interval.

    Returns:
        The words, in whole per cent.

    Raises:
        UsageError: There is no row, or the count is not among 0 to `rows`.
    """
    found = share_interval(right, rows, level)
    assert found.low is not None and found.high is not None
    low, high = math.floor(100 * found.low + 0.5), math.floor(100 * found.high + 0.5)
    said = f"at least {low} %" if right == rows else f"at most {high} %" if right == 0 else f"{low} to {high} %"
    return f"{right:,} of {rows:,} right, {said}"


def shares(found: Measured, level: float) -> dict[str, Interval]:
    """Give the metrics that are shares of rows their intervals.

    Args:
        found: Labels and predictions.
        level: Level of the intervals.

    Returns:
        The intervals by name of the metric; without those of no row.
    """
    intervals = {}
    for name, metric in suited(found.form, found.names).items():
        if isinstance(metric, ShareOfRows):
            right, among = metric.counted(found)
            if among.any():
                intervals[name] = share_interval(int((right & among).sum()), int(among.sum()), level)
    return intervals


def _normal(share: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(share))


def _check(right: float, rows: float) -> None:
    if not 0 <= right <= rows or rows <= 0:
        raise UsageError(f"A share is of 1 row or more, of which 0 to all are right; got {right} of {rows}.")
