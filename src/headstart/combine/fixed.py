"""Fixed weights: the weighted sum, hard to beat where they are chosen well (Kurin et al. 2022, arXiv:2201.04122).

The update is the gradient of sum over k of w_k L_k (unitary scalarisation where all are 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.errors import UsageError
from headstart.core.types import Rule


@dataclass(frozen=True)
class Fixed(Rule):
    """Weigh losses by given numbers.

    Attributes:
        factors: One for each loss, in the order in which a step has them (as in the log); "1,0.5".
    """

    factors: tuple[float, ...]
    reads_gradients: ClassVar[bool] = False
    weighs_losses: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if len(self.factors) < 2 or not all(0 <= factor < float("inf") for factor in self.factors):
            raise ValueError(f"factors are at least two numbers, none below 0; got {list(self.factors)}")
        if not any(self.factors):
            raise ValueError("factors are all 0: nothing would be learnt")

    def weights(
        self, losses: np.ndarray, gram: np.ndarray, state: dict[str, np.ndarray], random: np.random.Generator
    ) -> np.ndarray:
        """Return the factors. UsageError: there are more or fewer losses."""
        if len(losses) != len(self.factors):
            raise UsageError(f"The rule 'fixed' has {len(self.factors)} factors, and a step has {len(losses)} losses.")
        return np.array(self.factors)
