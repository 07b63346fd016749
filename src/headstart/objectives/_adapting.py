"""Learning to adapt: a copy of the weights takes some steps on an episode's rows to learn from, and is then asked.

The copies are tensors that stand in for the weights while the network is called (`torch.func.functional_call`): any
backbone will do, and of one with LoRA only the adapters adapt, as nothing else learns.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from headstart.core.episodes import WAYS
from headstart.models.model import Head, Model
from headstart.objectives._episodes import Episodic, Halves, exact
from headstart.objectives._tasks import only_head

Weights = dict[str, torch.Tensor]
LAYER = "layer."  # before the names of the classifier's weights


class Learner(nn.Module):
    """The network with a classifier of the ways of an episode on its embeddings."""

    def __init__(self, model: Model, layer: nn.Module) -> None:
        super().__init__()
        self.model, self.layer = model, layer  # the head under one name alone: else its weights are not put back

    def forward(self, x: Any) -> torch.Tensor:
        return exact(self.layer(self.model.head(self.model.features(x))))

    @property
    def learning(self) -> Weights:
        """What learns, by name."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}


@dataclass(frozen=True)
class Adapting(Episodic):
    """An objective whose weights take steps in each episode."""

    inner_steps: int = 5
    inner_rate: float = 0.4  # of MAML on Omniglot

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.inner_steps < 1 or self.inner_rate <= 0:
            raise ValueError("inner_steps must be at least 1, and inner_rate above 0.")

    def modules(self, model: Model) -> nn.Module:
        """Make the classifier, which learns where each episode starts from."""
        found = nn.Module()
        found.layer = nn.Linear(only_head(model, "learning by episodes").target.outputs, self.ways or WAYS)
        return found

    def of_episode(self, model: Model, head: Head, extra: Any, halves: Halves) -> torch.Tensor:
        """Compute the cross-entropy of the queries' classes after the steps."""
        learner = Learner(model, extra.layer)
        with sdpa_kernel(SDPBackend.MATH) if self.through_steps else nullcontext():  # others have no second derivative
            return loss_of(learner, self.adapted(learner, extra, halves), halves.queries, halves.truth, halves.ways)

    def adapted(self, learner: Learner, extra: Any, halves: Halves) -> Weights:
        """Return the weights after the steps on the rows to learn from."""
        weights = learner.learning
        with nullcontext() if self.through_steps else learner.model.passes():  # those are gone after each step
            for _ in range(self.inner_steps):
                weights = weights | self._moved(learner, weights, extra, halves)
        return weights

    def _moved(self, learner: Learner, weights: Weights, extra: Any, halves: Halves) -> Weights:
        """Take one step; return the weights that move."""
        moving = {name: weight for name, weight in weights.items() if self.moves(name)}
        loss = loss_of(learner, weights, halves.support, halves.learnt, halves.ways)
        slopes = torch.autograd.grad(loss, [*moving.values()], create_graph=self.through_steps, allow_unused=True)
        return {
            name: weight - self.rate(name, extra) * slope
            for (name, weight), slope in zip(moving.items(), slopes, strict=True)
            if slope is not None
        }

    @property
    def through_steps(self) -> bool:
        """Whether the gradient goes through the steps: second derivatives are in it."""
        return True

    def moves(self, name: str) -> bool:
        """Return whether a weight takes steps in an episode."""
        return True

    def rate(self, name: str, extra: Any) -> torch.Tensor | float:
        """Return the rate of a weight in an episode."""
        return self.inner_rate


def loss_of(learner: Learner, weights: Weights, x: Any, classes: torch.Tensor, ways: int) -> torch.Tensor:
    """Compute the cross-entropy of rows under other weights, a scalar."""
    return functional.cross_entropy(functional_call(learner, weights, (x,))[:, :ways], classes)
