"""Ridge regression on the classes as columns of 0 and 1, in its dual form, whose size is that of the support."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.few_shot._episodes import Episodes


@dataclass(frozen=True)
class Ridge:
    """Ridge regression of the classes as 0 and 1 (Hoerl & Kennard 1970; of episodes: arXiv:1805.08136).

    penalty: on the squared weights, of rows of length 1. The bias is free.
    """

    penalty: float = 1.0
    centre: bool = True
    normalise: bool = True

    transductive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.penalty <= 0:
            raise ValueError(f"penalty must be above 0; it is {self.penalty}.")

    def scores(self, episodes: Episodes) -> np.ndarray:
        """Score classes by the linear layer that is fitted to them, [E, Q, W]."""
        rows = episodes.rows(centre=self.centre, normalise=self.normalise)
        products = rows.products[:, :, : rows.learnt]  # [E, N, S]
        mean = products[:, : rows.learnt].mean(axis=1, keepdims=True)
        moved = products - products.mean(axis=2, keepdims=True) - mean + mean.mean(axis=2, keepdims=True)
        wanted = rows.members.mean(axis=1, keepdims=True)
        among = moved[:, : rows.learnt] + self.penalty * np.eye(rows.learnt)
        return moved[:, rows.learnt :] @ np.linalg.solve(among, rows.members - wanted) + wanted
