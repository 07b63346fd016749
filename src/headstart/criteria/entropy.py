"""How unsure the model is of rows without labels: the mean entropy of its class probabilities, lower being better.

Minimised by Grandvalet & Bengio (2004); to choose a model by in Morerio et al. 2018 (arXiv:1711.10288). A
model that puts all rows into one class has the lowest entropy: `bnm` is the figure that such a model does not win.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import entr

from headstart.criteria._shares import OfShares


@dataclass(frozen=True)
class Entropy(OfShares):
    """Choose the step that is surest of rows without labels.

    pool: the rows without labels: "target" where there are two domains, else "unlabelled". most: so many of them are
    looked at, drawn by the seed. least: by fewer nothing is chosen.
    """

    higher_is_better: ClassVar[bool] = False

    def figure(self, shares: np.ndarray) -> float:
        """Compute the mean entropy in nats of probabilities [N, C]."""
        return float(entr(shares).sum(axis=1).mean())
