"""Minus the log-probability of what is true; for any number of classes a row, the mean over classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._bases import Usual
from headstart.metrics._measured import Measured


@dataclass(frozen=True)
class LogLoss(Usual):
    """Log loss."""

    title: ClassVar[str] = "Log loss"
    forms: ClassVar[tuple[Form, ...]] = ("classes", "labels")
    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, math.inf)
    of_probabilities: ClassVar[bool] = True

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "nats a row"

    def weighted(self, measured: Measured) -> Callable[[np.ndarray], np.ndarray]:
        """Prepare the metric for weights [N, R]."""
        if measured.form == "classes":
            chosen = np.take_along_axis(measured.normalised, measured.labels[:, None], axis=1)[:, 0]  # [N]
        else:
            chosen = np.where(measured.labels == 1, measured.predictions, 1 - measured.predictions)  # [N, C]
        loss = -np.log(np.clip(chosen, np.finfo(np.float64).eps, 1)).reshape(len(chosen), -1).mean(axis=1)
        return lambda weights: measured.mean(loss, weights)
