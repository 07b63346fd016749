"""Multi-gate mixture of experts: each target mixes all experts by a gate of its own (MMoE, Ma et al. 2018, KDD).

Equations 5 to 7 of doi:10.1145/3219819.3220007: target k gets the sum over experts of softmax(W_k x) times
what each gives, x the pooled features of the backbone.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.sharing._experts import Experts, Level


@dataclass(frozen=True)
class Mmoe(Experts):
    """Experts behind the backbone, which each target mixes by a gate of its own.

    Attributes:
        experts: How many.
    """

    experts: int = 4

    def __post_init__(self) -> None:
        if self.experts < 1:
            raise ValueError(f"experts must be 1 or more; it is {self.experts}.")

    def levels(self, width: int, targets: int) -> list[Level]:
        """Make one level of experts that all share."""
        return [Level(width, targets, self.experts, 0, passes=False)]
