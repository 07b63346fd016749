"""Almost no inner loop (Raghu et al. 2020, ICLR, arXiv:1909.09157)."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.objectives._adapting import LAYER, Adapting


@dataclass(frozen=True)
class Anil(Adapting):
    """Learn features on which a classifier alone takes a few steps in an episode: MAML without the rest (retrieval).

    ways, shots, queries: of an episode; None takes five and fifteen, or what there is. tasks: episodes in a step.
    inner_steps, inner_rate: of gradient descent in an episode.
    """

    def moves(self, name: str) -> bool:
        """Return whether it is the classifier's (section 4)."""
        return name.startswith(LAYER)
