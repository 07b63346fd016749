"""Reptile (Nichol, Achiam & Schulman 2018, arXiv:1803.02999)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from headstart.models.model import Head, Model
from headstart.objectives._adapting import Adapting, Learner
from headstart.objectives._episodes import Halves, map_pairs


@dataclass(frozen=True)
class Reptile(Adapting):
    """Move weights to where a few steps on all rows of an episode lead: Reptile (retrieval).

    The loss is half the squared distance there, whose gradient is minus the way (Algorithm 1 with the optimiser's step;
    section 2). ways, shots, queries: of an episode; None takes five and fifteen, or what there is. tasks: episodes in a
    step. inner_steps, inner_rate: of gradient descent in an episode.
    """

    @property
    def through_steps(self) -> bool:
        """No derivative goes through the steps."""
        return False

    def of_episode(self, model: Model, head: Head, extra: Any, halves: Halves) -> torch.Tensor:
        """Compute half the squared distance to the adapted weights, which stand still."""
        learner = Learner(model, extra.layer)
        whole = halves._replace(
            support=map_pairs(halves.support, halves.queries), learnt=torch.cat([halves.learnt, halves.truth])
        )
        ends, starts = self.adapted(learner, extra, whole), learner.learning
        return torch.stack([(start - ends[name].detach()).square().sum() for name, start in starts.items()]).sum() / 2
