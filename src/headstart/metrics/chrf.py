"""chrF2 (Popović 2015, ACL W15-3049): character n-grams that answers and labels have in common, over all rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._ranks import ratio
from headstart.metrics._texts import OfTexts, matches

LONGEST = 6  # characters of an n-gram
BETA = 2  # times that recall counts more than precision


@dataclass(frozen=True)
class Chrf(OfTexts):
    """Character n-grams that answers and labels have in common, up to six long: F, where recall counts twice."""

    title: ClassVar[str] = "chrF"
    limits: ClassVar[tuple[float, float]] = (0.0, 100.0)

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "0 to 100, all rows together"

    def counts(self, label: str, answer: str) -> Sequence[float]:
        """Count the n-grams of label, answer and both, by length; spaces are left out.

        Of a length that the label does not have, those of the answer do not count either, as in sacreBLEU.
        """
        wanted, found = "".join(label.split()), "".join(answer.split())
        each = [matches(wanted, found, length) for length in range(1, LONGEST + 1)]
        return [count for wanted, found, both in each for count in (wanted, found if wanted else 0, both)]

    def of(self, sums: np.ndarray) -> np.ndarray:
        """Average precision and recall over the lengths that there are in both, then take their F."""
        wanted, found, both = sums[::3], sums[1::3], sums[2::3]
        there = (wanted > 0) & (found > 0)
        lengths = np.maximum(1, there.sum(axis=0))
        precision, recall = (
            np.divide(both, each, out=np.zeros_like(both), where=there).sum(axis=0) / lengths
            for each in (found, wanted)
        )
        score = ratio((1 + BETA**2) * precision * recall, BETA**2 * precision + recall)
        return 100 * np.nan_to_num(score)
