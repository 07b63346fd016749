"""What an evaluation is made of: intervals, the evaluation, the comparison of two."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MANY = 100  # classes from which most cells of a confusion matrix are 0


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval; None is what cannot be computed."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def empty(self) -> bool:
        """Whether there is an interval, of no width."""
        return self.low is not None and self.low == self.high

    def within(self, least: float, greatest: float) -> Interval:
        """Cut the interval at the least and the greatest value that there can be."""
        if self.low is None or self.high is None:
            return self
        return Interval(self.value, max(self.low, least), min(self.high, greatest))

    def to_plain(self) -> dict[str, float | None]:
        """Return plain data, safe for JSON."""
        return {"value": finite(self.value), "low": finite(self.low), "high": finite(self.high)}


@dataclass(frozen=True, repr=False)
class Evaluation:
    """How good predictions are.

    metrics: by name. primary: the name of the one that models are chosen by. higher_is_better, units: those of each
    metric.
    per_class: by class precision, recall, f1, support; with several regression targets, by target its metrics.
    confusion: [C, C] counts of rows, labels down, decisions across; None where rows have no single class.
    notes: what is undefined and why, in words. details: how the intervals came about, for the files alone.
    """

    primary: str
    metrics: Mapping[str, Interval]
    per_class: Mapping[str, Mapping[str, float | None]]
    confusion: Sequence[Sequence[int]] | None
    higher_is_better: Mapping[str, bool]
    units: Mapping[str, str]
    rows: int
    level: float
    notes: Sequence[str] = ()
    details: Sequence[str] = ()

    def __repr__(self) -> str:
        """Name the primary figure."""
        found = self.metrics[self.primary]
        return f"Evaluation of {self.rows:,} rows: {self.primary} {found.value} ({found.low} to {found.high})"

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, safe for JSON: no NaN, no infinity."""
        return {
            "primary": self.primary,
            "higher_is_better": dict(self.higher_is_better),
            "units": dict(self.units),
            "metrics": {name: interval.to_plain() for name, interval in self.metrics.items()},
            "per_class": {
                name: {key: finite(value) for key, value in row.items()} for name, row in self.per_class.items()
            },
            "confusion": _cells(self.confusion),
            "rows": self.rows,
            "level": self.level,
            "notes": list(self.notes),
            "details": list(self.details),
        }


def _cells(matrix: Sequence[Sequence[int]] | None) -> Any:
    """Return the matrix as lists; of many classes only its cells that are not 0, as label, decision and rows."""
    if matrix is None or len(matrix) <= MANY:
        return None if matrix is None else [list(row) for row in matrix]
    cells = [[a, b, count] for a, row in enumerate(matrix) for b, count in enumerate(row) if count]
    return {"classes": len(matrix), "cells": cells}


@dataclass(frozen=True)
class McNemar:
    """McNemar's exact test: rows that only `a` and only `b` decides rightly, and the two-sided p value."""

    only_a: int
    only_b: int
    p: float


@dataclass(frozen=True)
class Comparison:
    """How much predictions `b` differ from `a` on the same rows: each metric's `b` minus `a`.

    notes and details: as those of an evaluation.
    """

    primary: str
    differences: Mapping[str, Interval]
    mcnemar: McNemar | None
    higher_is_better: Mapping[str, bool]
    rows: int
    level: float
    notes: Sequence[str] = ()
    details: Sequence[str] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, safe for JSON: no NaN, no infinity."""
        test = self.mcnemar
        return {
            "primary": self.primary,
            "higher_is_better": dict(self.higher_is_better),
            "differences": {name: interval.to_plain() for name, interval in self.differences.items()},
            "mcnemar": None if test is None else {"only_a": test.only_a, "only_b": test.only_b, "p": test.p},
            "rows": self.rows,
            "level": self.level,
            "notes": list(self.notes),
            "details": list(self.details),
        }


def finite(value: float | None) -> float | None:
    """Turn NaN and infinity into None, which JSON can hold."""
    return float(value) if value is not None and math.isfinite(value) else None
