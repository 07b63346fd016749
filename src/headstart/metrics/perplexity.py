"""The perplexity of the labels: how many tokens the network is as unsure of as, on average (Jelinek et al. 1977)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class Perplexity(Usual):
    """exp of the mean of -log p over all tokens of the labels, ends included, each given those before it."""

    title: ClassVar[str] = "perplexity"
    forms: ClassVar[tuple[Form, ...]] = ("texts",)
    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (1.0, np.inf)
    of_likelihoods: ClassVar[bool] = True

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "of the labels' tokens, all rows together"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        assert measured.likelihoods is not None, "it is only asked where they are known"
        nats, tokens = measured.likelihoods.T
        return lambda weights: np.exp((nats @ weights) / (tokens @ weights))
