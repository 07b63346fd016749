"""The share of words whose tag is right; words that the network does not see count as wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured
from headstart.metrics._ranks import ratio


@dataclass(frozen=True)
class TokenAccuracy(Usual):
    """The share of words whose tag is right; words that the network does not see count as wrong."""

    title: ClassVar[str] = "Token accuracy"
    forms: ClassVar[tuple[Form, ...]] = ("tags",)
    undefined: ClassVar[str] = "it needs a word with a tag"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "share of words"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]: the last counts of rows are of words."""
        words, _, right = measured.labels[:, -1].T.astype(np.float64)  # each [N]
        return lambda weights: ratio(right @ weights, words @ weights)
