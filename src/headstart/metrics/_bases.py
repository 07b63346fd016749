"""What metrics of a family have in common; a metric that is in none starts from `Usual`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._measured import Measured
from headstart.metrics._ranks import correlation, mean_known, ratio


class Usual:
    """A share of what is right, that is always defined; a metric says where it differs."""

    width: ClassVar[int | None] = None
    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = ""
    of_probabilities: ClassVar[bool] = False
    of_trees: ClassVar[bool] = False
    of_likelihoods: ClassVar[bool] = False


class ShareOfRows(Usual, ABC):
    """The share of some rows that are right: its interval is that of k of n."""

    @abstractmethod
    def counted(self, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
        """Say which rows are right, and of which rows that is a share, both [N] bool."""

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        right, among = (each.astype(np.float64) for each in self.counted(measured))
        return lambda weights: ratio((right * among) @ weights, among @ weights)


class MeanOfRows(Usual, ABC):
    """The mean over some rows of a value between the limits."""

    @abstractmethod
    def of_rows(self, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
        """Compute the value of each row, [N], and say over which rows it is averaged, [N] bool."""

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        found, among = (each.astype(np.float64) for each in self.of_rows(measured))
        return lambda weights: ratio((found * among) @ weights, among @ weights)


class RecallAt(ShareOfRows):
    """The share of rows with another of their class among the nearest `k`; rows that are alone are not looked for."""

    forms: ClassVar[tuple[Form, ...]] = ("embeddings",)
    undefined: ClassVar[str] = "it needs two rows of a class"
    k: ClassVar[int]

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of rows that are looked for"

    def counted(self, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
        """Say which rows find one of theirs, and which are looked for, both [N] bool."""
        found = measured.neighbours
        return found.before < self.k, found.asked


class Gap(Usual, ABC):
    """A gap that is above 0 in any sample, also where it is 0 in truth."""

    @abstractmethod
    def chance(self, measured: Measured, random: np.random.Generator, draws: int) -> np.ndarray:
        """Draw what the metric would be by chance where there is no gap in truth, [draws]."""


class OfCounts(Usual, ABC):
    """A metric of how many rows are in each class by label, by decision and by both."""

    @abstractmethod
    def of(self, support: np.ndarray, chosen: np.ndarray, hits: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from the weights of the rows by class, each [C, R]."""

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        return lambda weights: self.of(*measured.counts(weights))


class MeanOverClasses(OfCounts):
    """A share of the rows of a class, averaged over classes."""

    forms: ClassVar[tuple[Form, ...]] = ("classes",)

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share, mean over classes"


class Distance(Usual):
    """A distance of predictions and labels in the unit of the labels, averaged over their columns."""

    forms: ClassVar[tuple[Form, ...]] = ("values",)
    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return f"unit of {', '.join(names)}" + (", mean" if len(names) > 1 else "")


class Correlation(Usual, ABC):
    """A correlation of labels and predictions, averaged over the columns that have one."""

    forms: ClassVar[tuple[Form, ...]] = ("values",)
    limits: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    undefined: ClassVar[str] = "it needs labels and predictions that vary"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "−1 to 1"

    @abstractmethod
    def correlated(self, column: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare what is correlated, for a column [N]: weights [N, R] to [N, R] or [N, 1]."""

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        columns = zip(measured.labels.T, measured.predictions.T, strict=True)
        pairs = [(self.correlated(label), self.correlated(prediction)) for label, prediction in columns]

        def compute(weights: np.ndarray) -> np.ndarray:
            return mean_known(np.stack([correlation(a(weights), b(weights), weights) for a, b in pairs]))

        return compute
