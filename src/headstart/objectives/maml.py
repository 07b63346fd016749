"""Model-agnostic meta-learning (Finn, Abbeel & Levine 2017, ICML, arXiv:1703.03400)."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.objectives._adapting import Adapting


@dataclass(frozen=True)
class Maml(Adapting):
    """Learn weights from which a few steps on an episode's rows answer its queries: MAML (retrieval).

    ways, shots, queries: of an episode; None takes five and fifteen, or what there is. tasks: episodes in a step.
    inner_steps, inner_rate: of gradient descent in an episode. first_order: leave the second derivatives out (section
    5.2), in less time and memory.
    """

    first_order: bool = False

    @property
    def through_steps(self) -> bool:
        """Whether second derivatives count."""
        return not self.first_order
