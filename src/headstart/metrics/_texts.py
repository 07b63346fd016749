"""What metrics of texts have in common: counts of each row, added up over all rows before they are compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured


class OfTexts(Usual, ABC):
    """A metric of sums of counts over the rows (a corpus statistic), not the mean of figures of single rows."""

    forms: ClassVar[tuple[Form, ...]] = ("texts",)

    @abstractmethod
    def counts(self, label: str, answer: str) -> Sequence[float]:
        """Count what is compared in a row, K numbers."""

    @abstractmethod
    def of(self, sums: np.ndarray) -> np.ndarray:
        """Compute the metric, [R], from sums of the counts over weighted rows, [K, R]."""

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        pairs = zip(measured.labels, measured.predictions, strict=True)
        counts = np.array([self.counts(label, answer) for label, answer in pairs], dtype=np.float64)
        return lambda weights: self.of(counts.T @ weights)


class ErrorRate(OfTexts):
    """Edits that turn the labels into the answers, of which a word or a character each, by the length of the labels."""

    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, np.inf)

    @abstractmethod
    def parts(self, text: str) -> Sequence[str]:
        """Cut a text into what is edited."""

    def counts(self, label: str, answer: str) -> Sequence[float]:
        """Count the edits of a row, and the length of its label."""
        wanted = self.parts(label)
        return edits(wanted, self.parts(answer)), len(wanted)

    def of(self, sums: np.ndarray) -> np.ndarray:
        """Divide the edits by the length."""
        return sums[0] / sums[1]


def edits(first: Sequence[str], second: Sequence[str]) -> int:
    """Count the least insertions, deletions and substitutions between two sequences (Levenshtein 1966)."""
    own, other = _numbered(first, second)
    steps = np.arange(len(other) + 1)
    row = steps
    for place, part in enumerate(own):
        best = np.minimum(row[1:] + 1, row[:-1] + (other != part))
        row = np.minimum.accumulate(np.concatenate([[place + 1], best]) - steps) + steps
    return int(row[-1])


def common(first: Sequence[str], second: Sequence[str]) -> int:
    """Find the length of the longest common subsequence."""
    own, other = _numbered(first, second)
    row = np.zeros(len(other) + 1, dtype=np.int64)
    for part in own:
        row[1:] = np.maximum.accumulate(np.maximum(row[1:], row[:-1] + (other == part)))
    return int(row[-1])


def matches(label: Sequence[Any], answer: Sequence[Any], length: int) -> tuple[int, int, int]:
    """Count the n-grams of one length: of the label, of the answer, and of both, each as often as it is in both."""
    wanted, found = (
        Counter(tuple(text[place : place + length]) for place in range(len(text) - length + 1))
        for text in (label, answer)
    )
    return wanted.total(), found.total(), (wanted & found).total()


def _numbered(first: Sequence[str], second: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    places = {part: place for place, part in enumerate({*first, *second})}
    own, other = (np.array([places[part] for part in parts], dtype=np.int64) for parts in (first, second))
    return own, other
