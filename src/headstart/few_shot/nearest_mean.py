"""The nearest class mean: prototypes, and SimpleShot's centring and normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.few_shot._episodes import Episodes


@dataclass(frozen=True)
class NearestMean:
    """The nearest class mean, of features centred and of length 1: SimpleShot (Wang et al. 2019, arXiv:1911.04623).

    centre, normalise: without both it is the rule that prototypical networks are trained for (Snell et al. 2017,
    arXiv:1703.05175, eq. 2).
    """

    centre: bool = True
    normalise: bool = True

    transductive: ClassVar[bool] = False

    def scores(self, episodes: Episodes) -> np.ndarray:
        """Score classes by minus the squared distance to their mean, [E, Q, W]."""
        rows = episodes.rows(centre=self.centre, normalise=self.normalise)
        return -rows.distances(rows.means)[:, rows.learnt :]
