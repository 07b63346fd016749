"""What an evaluation is made of: intervals, the evaluation, the comparison of two; which metric is better which way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PRIMARY: dict[str, str] = {
    "binary": "accuracy",
    "multiclass": "accuracy",
    "multilabel": "average_precision",
    "regression": "rmse",
}

HIGHER_IS_BETTER: dict[str, bool] = {
    "accuracy": True,
    "balanced_accuracy": True,
    "precision": True,
    "recall": True,
    "f1": True,
    "precision_macro": True,
    "recall_macro": True,
    "f1_macro": True,
    "f1_micro": True,
    "subset_accuracy": True,
    "hamming_loss": False,
    "auroc": True,
    "average_precision": True,
    "log_loss": False,
    "brier": False,
    "ece": False,
    "mae": False,
    "rmse": False,
    "r2": True,
    "spearman": True,
    "pearson": True,
}

UNDEFINED: dict[str, str] = {
    "precision": "it needs a row that is decided as the positive class",
    "recall": "it needs a row of the positive class",
    "f1": "it needs a row that is of the positive class, or decided as it",
    "f1_macro": "it needs a class that occurs in labels or decisions",
    "f1_micro": "it needs a class that occurs in labels or decisions",
    "auroc": "it needs a class with rows in it and rows outside it",
    "average_precision": "it needs a row of a positive class",
    "r2": "it needs labels that vary",
    "spearman": "it needs labels and predictions that vary",
    "pearson": "it needs labels and predictions that vary",
}


LIMITS: dict[str, tuple[float, float]] = {
    "log_loss": (0.0, math.inf),
    "mae": (0.0, math.inf),
    "rmse": (0.0, math.inf),
    "brier": (0.0, 2.0),
    "r2": (-math.inf, 1.0),
    "spearman": (-1.0, 1.0),
    "pearson": (-1.0, 1.0),
}


def limits(metric: str) -> tuple[float, float]:
    """Return the least and the greatest value that a metric can have."""
    return LIMITS.get(metric, (0.0, 1.0))


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval; None is what cannot be computed."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def within(self, least: float, greatest: float) -> Interval:
        """Cut the interval at the least and the greatest value that there can be."""
        if self.low is None or self.high is None:
            return self
        return Interval(self.value, max(self.low, least), min(self.high, greatest))

    def to_plain(self) -> dict[str, float | None]:
        """Return plain data, safe for JSON."""
        return {"value": finite(self.value), "low": finite(self.low), "high": finite(self.high)}


@dataclass(frozen=True)
class Evaluation:
    """How good predictions are.

    metrics: by name. primary: the name of the one that models are chosen by.
    per_class: by class precision, recall, f1, support; with several regression targets, by target its metrics.
    confusion: [C, C] counts of rows, labels down, decisions across; None where rows have no single class.
    notes: what is undefined and why, in words.
    """

    primary: str
    metrics: Mapping[str, Interval]
    per_class: Mapping[str, Mapping[str, float | None]]
    confusion: Sequence[Sequence[int]] | None
    rows: int
    level: float
    notes: Sequence[str] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, safe for JSON: no NaN, no infinity."""
        return {
            "primary": self.primary,
            "higher_is_better": {name: HIGHER_IS_BETTER[name] for name in self.metrics},
            "metrics": {name: interval.to_plain() for name, interval in self.metrics.items()},
            "per_class": {
                name: {key: finite(value) for key, value in row.items()} for name, row in self.per_class.items()
            },
            "confusion": None if self.confusion is None else [list(row) for row in self.confusion],
            "rows": self.rows,
            "level": self.level,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class McNemar:
    """McNemar's exact test: rows that only `a` and only `b` decides rightly, and the two-sided p value."""

    only_a: int
    only_b: int
    p: float


@dataclass(frozen=True)
class Comparison:
    """How much predictions `b` differ from `a` on the same rows: each metric's `b` minus `a`."""

    primary: str
    differences: Mapping[str, Interval]
    mcnemar: McNemar | None
    rows: int
    level: float
    notes: Sequence[str] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, safe for JSON: no NaN, no infinity."""
        test = self.mcnemar
        return {
            "primary": self.primary,
            "higher_is_better": {name: HIGHER_IS_BETTER[name] for name in self.differences},
            "differences": {name: interval.to_plain() for name, interval in self.differences.items()},
            "mcnemar": None if test is None else {"only_a": test.only_a, "only_b": test.only_b, "p": test.p},
            "rows": self.rows,
            "level": self.level,
            "notes": list(self.notes),
        }


def finite(value: float | None) -> float | None:
    """Turn NaN and infinity into None, which JSON can hold."""
    return float(value) if value is not None and math.isfinite(value) else None
