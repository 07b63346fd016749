"""How an error falls with the number of rows: a power law with a floor (Hestness et al. 2017, arXiv:1712.00409).

err(n) = floor + scale (n / N)^-rate, with the floor and the scale at least 0 and N the most rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

RATES = np.linspace(0.1, 1.5, 15)
LEAST = 3  # sizes, below which a law with three parameters says nothing


class Laws(NamedTuple):
    """Laws of R curves: floor, scale and rate, each [R], and the most rows."""

    floor: np.ndarray
    scale: np.ndarray
    rate: np.ndarray
    most: float

    def at(self, rows: float) -> np.ndarray:
        """Return the error at a number of rows, [R]."""
        return self.floor + self.scale * (rows / self.most) ** -self.rate


def fit_laws(sizes: np.ndarray, errors: np.ndarray) -> Laws:
    """Fit each curve by least squares; the rate is the best of `RATES`, the lowest of equals.

    Args:
        sizes: Numbers of rows, [S], three or more, all above 0.
        errors: At these, [R, S].

    Returns:
        The laws.
    """
    n = np.asarray(sizes, dtype=np.float64) / np.max(sizes)
    tried = [_fit(n**-rate, np.asarray(errors, dtype=np.float64)) for rate in RATES]
    best = np.argmin([loss.round(15) for _, _, loss in tried], axis=0)  # [R]
    floor, scale, _ = (np.stack(parts) for parts in zip(*tried, strict=True))
    rows = np.arange(len(best))
    return Laws(floor[best, rows], scale[best, rows], RATES[best], float(np.max(sizes)))


def _fit(falling: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit floor + scale x falling, both at least 0: [R] each, with the squared error."""
    centred, mean = falling - falling.mean(), errors.mean(axis=1)
    slope = (errors @ centred) / (centred @ centred)
    through = np.maximum(errors @ falling / (falling @ falling), 0.0)
    zero = np.zeros_like(mean)
    choices = []
    for floor, scale in ((mean - slope * falling.mean(), slope), (zero, through), (np.maximum(mean, 0.0), zero)):
        loss = np.square(floor[:, None] + scale[:, None] * falling - errors).sum(axis=1)
        choices.append((floor, scale, np.where((floor >= 0) & (scale >= 0), loss, np.inf)))
    floor, scale, loss = (np.stack(parts) for parts in zip(*choices, strict=True))  # each [3, R]
    best, rows = loss.argmin(axis=0), np.arange(len(mean))
    return floor[best, rows], scale[best, rows], loss[best, rows]
