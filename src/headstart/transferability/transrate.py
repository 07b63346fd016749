"""TransRate: how many bits fewer the features of one class need than those of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.transferability._seen import Seen

DISTORTION = 1e-4  # of the paper


@dataclass(frozen=True)
class TransRate:
    """Coding rate of all features less that within the classes (Huang et al. 2022, arXiv:2106.09362).

    R(Z) = 1/2 log det(I + Z'Z / (n e)) for n rows Z and a distortion e of 1e-4, in nats. The score is
    R(Z) - sum_c N_c / N R(Z_c), with the features centred, then divided by the root of their summed squares: it is the
    same for turned, moved or scaled features, and never below 0. Where rows are few it also grows with the number of
    directions in which the features vary at all.
    """

    title: ClassVar[str] = "TransRate"
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    asks_source: ClassVar[bool] = False

    def score(self, seen: Seen) -> float:
        """Score a model.

        Args:
            seen: Features and classes of N rows.

        Returns:
            The difference of the rates, in nats; NaN where no feature varies.
        """
        squares = np.square(seen.decomposed[1])
        if not len(squares):
            return float("nan")
        rows = seen.reduced / np.sqrt(squares.sum())
        rate = np.log1p(squares / squares.sum() / (len(seen) * DISTORTION)).sum() / 2
        within = [count * _rate(rows[seen.classes == c]) for c, count in enumerate(seen.counts)]
        return float(rate - sum(within) / len(seen))


def _rate(rows: np.ndarray) -> float:
    """Return the coding rate of rows [n, R] in nats, by the smaller Gram matrix."""
    gram = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
    return float(np.linalg.slogdet(np.eye(len(gram)) + gram / (len(rows) * DISTORTION))[1] / 2)
