"""What the metrics ROUGE have in common: the mean over rows of an F of words (Lin 2004, ACL W04-1013)."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import MeanOfRows
from headstart.metrics._measured import Measured

WORD = re.compile(r"[^\W_]+")


class Rouge(MeanOfRows, ABC):
    """The F of what a label and an answer have in common: runs of letters and digits of any script, in lower case."""

    forms: ClassVar[tuple[Form, ...]] = ("texts",)

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "F, mean over rows"

    @abstractmethod
    def counts(self, label: Sequence[str], answer: Sequence[str]) -> tuple[int, int, int]:
        """Count what there is in the words of the label, of the answer and of both."""

    def of_rows(self, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
        """Compute the F of each row."""
        pairs = zip(map(words, measured.labels), map(words, measured.predictions), strict=True)
        wanted, found, both = np.array([self.counts(*pair) for pair in pairs], dtype=np.float64).T
        score = np.divide(2 * both, wanted + found, out=np.zeros_like(both), where=both > 0)
        return score, np.ones(len(score), dtype=bool)


def words(text: str) -> list[str]:
    """Cut a text into words."""
    return WORD.findall(text.lower())
