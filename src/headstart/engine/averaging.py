"""A moving average of the learning weights (Polyak & Juditsky 1992), which is evaluated and kept in their place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

Weights = dict[str, torch.Tensor]  # by the parameter's name


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
        weights: The average by parameter name.
        over: Whether no later step would be averaged.
        growth: How many times the size of the parameters what is packed may grow by.
    """

    over = False
    growth = 0

    def __init__(self, model: nn.Module, learning: Collection[nn.Parameter], decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._parameters = named(model, learning) if decay else {}
        self.weights = copied(self._parameters)

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        if not self.weights:
            return
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, parameter in self._parameters.items():
            self.weights[name].lerp_(parameter, 1 - decay)

    def look(self, loss: float | None) -> None:
        """Take in the validation loss after the last step, None where there is none; it has no say here."""

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

    def window(self) -> tuple[int, int] | None:
        """Return the first and the last step that are averaged, where they were chosen by the validation loss."""
        return None

    def pack(self) -> tuple[Weights, Any]:
        """Return the tensors and the JSON data that a restart needs."""
        return self.weights, self.updates

    def restore(self, tensors: Mapping[str, torch.Tensor], plain: Any) -> None:
        """Put back what `pack` gave."""
        self.updates = plain
        for name, weight in self.weights.items():
            weight.copy_(tensors[name])

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in self._parameters.items():
            kept = parameter.detach().clone()
            parameter.copy_(self.weights[name])
            self.weights[name].copy_(kept)


def named(model: nn.Module, learning: Collection[nn.Parameter]) -> dict[str, nn.Parameter]:
    """Return the parameters that learn by their names in the model."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter in set(learning)}


def copied(weights: Mapping[str, torch.Tensor]) -> Weights:
    """Copy tensors."""
    return {name: weight.detach().clone() for name, weight in weights.items()}
