"""Random loss weighting (Lin et al. 2022, arXiv:2111.10603): new weights for each step, softmax of normal numbers.

Their section 3 with z ~ N(0, 1): w = softmax(z), here times K, so that on average each loss counts as in the sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.combine._values import softmax
from headstart.core.types import Rule


@dataclass(frozen=True)
class Rlw(Rule):
    """Weigh losses by chance, anew for each step."""

    reads_gradients: ClassVar[bool] = False
    weighs_losses: ClassVar[bool] = True

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Draw the weights, whose sum is K."""
        return len(losses) * softmax(random.normal(size=len(losses)))
