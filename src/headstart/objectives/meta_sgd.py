"""Meta-SGD (Li et al. 2017, arXiv:1707.09835)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from headstart.models.model import Model
from headstart.objectives._adapting import Adapting, Learner


@dataclass(frozen=True)
class MetaSgd(Adapting):
    """Learn weights, and the rate of each number in them, by which one step answers an episode (retrieval).

    ways, shots, queries: of an episode; None takes five and fifteen, or what there is. tasks: episodes in a step.
    inner_steps: in an episode. inner_rate: that all rates start from; they may become negative (eq. 2).
    """

    inner_steps: int = 1
    inner_rate: float = 0.1

    def modules(self, model: Model) -> nn.Module:
        """Make the classifier, and a rate for each number that learns."""
        found: Any = super().modules(model)
        learning = Learner(model, found.layer).learning
        rates = {_key(name): nn.Parameter(torch.full_like(p, self.inner_rate)) for name, p in learning.items()}
        found.rates = nn.ParameterDict(rates)
        return found

    def rate(self, name: str, extra: Any) -> torch.Tensor:
        """Return the learnt rates of a weight."""
        return extra.rates[_key(name)]


def _key(name: str) -> str:
    return name.replace(".", "/")
