"""A moving average of the learning weights (Polyak & Juditsky 1992), which is evaluated and kept in their place."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from torch import nn


class Average:
    """The exponential moving average of parameters of a model.

    At update n the decay is min(decay, (1 + n) / (10 + n)), so that the first weights are soon forgotten (as in
    TensorFlow's ExponentialMovingAverage). Buffers, such as the statistics of batch norm, are averages already and
    stay as they are.

    Args:
        model: Has the parameters.
        learning: Those that learn.
        decay: The decay in [0, 1); 0 averages nothing.

    Attributes:
        decay: The decay as given.
        updates: How many steps were averaged.
        weights: The average by parameter name: with `updates`, all that a restart needs.
    """

    def __init__(self, model: nn.Module, learning: Collection[nn.Parameter], decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._parameters = {n: p for n, p in model.named_parameters() if p in set(learning)} if decay else {}
        self.weights = {name: p.detach().clone() for name, p in self._parameters.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        if not self.weights:
            return
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, parameter in self._parameters.items():
            self.weights[name].lerp_(parameter, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the average into the model inside the block."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def apply(self) -> None:
        """Put the average into the model for good."""
        for name, parameter in self._parameters.items():
            parameter.copy_(self.weights[name])

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in self._parameters.items():
            kept = parameter.detach().clone()
            parameter.copy_(self.weights[name])
            self.weights[name].copy_(kept)
