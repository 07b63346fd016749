"""Progressive layered extraction: some experts shared, some each target's own (PLE, Tang et al. 2020, RecSys).

Section 4 of doi:10.1145/3383313.3412236: at each level a target mixes its own experts with the shared
ones; what goes on in common mixes all experts.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.sharing._experts import Experts, Level


@dataclass(frozen=True)
class Ple(Experts):
    """Experts behind the backbone, some shared and some each target's own, in levels.

    Attributes:
        shared: Experts that every target mixes, at each level.
        own: Experts of each target besides.
        depth: How many levels.
    """

    shared: int = 2
    own: int = 2
    depth: int = 2

    def __post_init__(self) -> None:
        for name, value in (("shared", self.shared), ("own", self.own), ("depth", self.depth)):
            if value < 1:
                raise ValueError(f"{name} must be 1 or more; it is {value}.")

    def levels(self, width: int, targets: int) -> list[Level]:
        """Make the levels; none goes on after the last."""
        return [Level(width, targets, self.shared, self.own, passes=n < self.depth - 1) for n in range(self.depth)]
