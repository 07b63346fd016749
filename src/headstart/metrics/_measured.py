"""Labels and predictions of some rows, with what several metrics need of them.

A resample of N rows is the count of each row, a weight; many of them are a matrix [N, R], and each metric becomes
sums under it. What does not depend on the weights, as sorting, is done once, when the first metric asks for it. Sums
that several metrics need are kept until other weights come: the caller makes a new array for each chunk of resamples,
and changes none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from scipy import sparse

from headstart.core.types import Form
from headstart.metrics._matching import of_class
from headstart.metrics._neighbours import Neighbours, neighbours
from headstart.metrics._ranks import RankMeasure, ranking, ratio
from headstart.metrics._rare import rare, rare_ranking

T = TypeVar("T")


class Counts(NamedTuple):
    """Weight of the rows by class, each [C, R]: those of the class, those decided as it, those that are both."""

    support: np.ndarray
    chosen: np.ndarray
    hits: np.ndarray


class Ranked(NamedTuple):
    """Means over the classes that have them, each [R]."""

    auroc: np.ndarray
    average_precision: np.ndarray


def _kept(compute: Callable[[Measured, np.ndarray], T]) -> Callable[[Measured, np.ndarray], T]:
    """Keep what is computed from weights until other weights come."""

    @functools.wraps(compute)
    def once(self: Measured, weights: np.ndarray) -> T:
        if self.kept.get("weights") is not weights:
            self.kept.clear()
            self.kept["weights"] = weights
        if compute.__name__ not in self.kept:
            self.kept[compute.__name__] = compute(self, weights)
        return self.kept[compute.__name__]

    return once


@dataclass(frozen=True, eq=False)
class Measured:
    """What metrics are computed from.

    form: "classes", one class a row: labels [N] int64, predictions are probabilities [N, C], decisions [N] int64.
    "labels", any number of classes a row: labels [N, C] of 0 and 1, predictions are probabilities [N, C], decisions
    [N, C]. "values", numbers: labels and predictions [N, T] float64, no decisions.
    "texts": labels and predictions are texts, [N]; likelihoods: -log p of each label and its tokens, [N, 2], if known.
    "spans": labels are tuples of the texts that are right, none where there is no answer; predictions texts, [N].
    "boxes": labels are counts of boxes by class, predictions the found boxes, as `_matching.matched` gives them.
    names: the C classes, or the T columns. above: of classes in a tree the place of each one's parent, [C].
    """

    form: Form
    names: tuple[str, ...]
    labels: np.ndarray
    predictions: np.ndarray
    decisions: np.ndarray | None = None
    above: np.ndarray | None = None
    likelihoods: np.ndarray | None = None
    kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def unit(self) -> np.ndarray:
        """The weights [N, 1] of rows that count once each."""
        return np.ones((len(self.labels), 1))

    @property
    def two_classes(self) -> bool:
        """Whether each row is of one of two classes, of which the second is the positive one."""
        return self.form == "classes" and len(self.names) == 2

    @cached_property
    def right(self) -> np.ndarray:
        """Whether each decision is right, [N], or [N, C] where each class is decided."""
        return self.labels == self.decisions

    @cached_property
    def normalised(self) -> np.ndarray:
        """The probabilities [N, C] of one class a row, made to sum to 1."""
        return self.predictions / self.predictions.sum(axis=1, keepdims=True)

    @cached_property
    def neighbours(self) -> Neighbours:
        """What rows find of their class, where the predictions are embeddings [N, D]."""
        return neighbours(self.labels, self.predictions)

    def column(self, place: int) -> Measured:
        """Return one column of values, or one class of masks or boxes, as if it were the only one."""
        only = slice(place, place + 1)
        predictions = of_class(self.predictions, place) if self.form == "boxes" else self.predictions[:, only]
        return Measured(self.form, self.names[only], self.labels[:, only], predictions)

    @_kept
    def total(self, weights: np.ndarray) -> np.ndarray:
        """Sum the weights [N, R] of all rows, [R]."""
        return weights.sum(axis=0)

    def mean(self, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Average values [N] over rows of these weights [N, R], [R]."""
        return values.astype(np.float64, copy=False) @ weights / self.total(weights)

    @_kept
    def counts(self, weights: np.ndarray) -> Counts:
        """Count rows by class, in labels, in decisions and in both."""
        return Counts(*(np.asarray(matrix @ weights) for matrix in self._members))

    @_kept
    def ranked(self, weights: np.ndarray) -> Ranked:
        """Compute AUROC and average precision, of the positive class alone where there are two."""
        known = np.zeros((2, weights.shape[1]))
        sums = np.zeros((2, weights.shape[1]))
        for compute in self._rankings:
            values = np.stack([np.atleast_2d(each) for each in compute(weights)])  # [2, C, R]
            known += (~np.isnan(values)).sum(axis=1)
            sums += np.nan_to_num(values).sum(axis=1)
        return Ranked(*ratio(sums, known))

    @_kept
    def squared_error(self, weights: np.ndarray) -> np.ndarray:
        """Sum the squared errors of each column of values, [T, R]."""
        return self._squared @ weights

    @cached_property
    def _squared(self) -> np.ndarray:
        return np.ascontiguousarray(((self.predictions - self.labels) ** 2).T)

    @cached_property
    def _rankings(self) -> list[RankMeasure]:
        single, width = self.form == "classes", len(self.names)
        counts = np.bincount(self.labels, minlength=width) if single else (self.labels == 1).sum(axis=0)
        few = rare(counts)
        known = set(few.tolist())
        places = [1] if self.two_classes else [c for c in range(width) if c not in known]
        one_by_one = [
            ranking(self.labels == c if single else self.labels[:, c] == 1, self.predictions[:, c]) for c in places
        ]
        if not len(few):
            return one_by_one
        members = self.labels == few[:, None] if single else self.labels[:, few].T == 1  # [C', N]
        classes, rows = np.nonzero(members)
        return [*one_by_one, rare_ranking(rows, classes, np.ascontiguousarray(self.predictions.T[few]))]

    @cached_property
    def _members(self) -> list[sparse.csr_array]:
        """Which rows are in which class, [C, N]: by label, by decision, by both."""
        assert self.decisions is not None
        if self.form == "classes":
            classes, hits = len(self.names), np.flatnonzero(self.right)
            everyone = np.arange(len(self.labels))
            parts = [(self.labels, everyone), (self.decisions, everyone), (self.labels[hits], hits)]
            return [by_place(places, rows, (classes, len(everyone))) for places, rows in parts]
        both = self.labels * self.decisions
        return [sparse.csr_array(m.T.astype(np.float64)) for m in (self.labels, self.decisions, both)]


def by_place(
    places: np.ndarray, rows: np.ndarray, shape: tuple[int, int], values: np.ndarray | None = None
) -> sparse.csr_array:
    """Make the matrix [places, N] that holds each row's value, or 1, at its place."""
    return sparse.csr_array((np.ones(len(rows)) if values is None else values, (places, rows)), shape=shape)
