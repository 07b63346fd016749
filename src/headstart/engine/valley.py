"""Stochastic weight averaging, densely (SWAD; Cha et al. 2021, arXiv:2102.08604, algorithm 1): a flat minimum.

The weights after each step are averaged from where the validation loss stopped falling until it has risen. A mean of
weights over a flat valley of the loss holds for domains that nothing is known of better than a point at its edge.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from headstart.engine.averaging import Average, Weights, copied, named

STARTS, ENDS = 3, 6  # looks: N_s and N_e of the paper


@dataclass
class Span:
    """The mean of the weights after the steps first … last, and the validation losses of the looks among them."""

    first: int
    last: int
    losses: list[float]
    weights: Weights

    @torch.no_grad()
    def add(self, weights: Mapping[str, torch.Tensor], count: int) -> None:
        """Take in the mean of the weights after so many following steps."""
        self.last += count
        for name, weight in self.weights.items():
            weight.lerp_(weights[name], count / (self.last - self.first + 1))


class Dense(Average):
    """The mean of the weights after each step from the first look that `STARTS - 1` looks after it did not better.

    It ends with the last look before `ENDS` in a row whose loss is above the tolerance times the mean loss of the first
    `STARTS`; without such, with the stage. The statistics of batch norm are none of it: they are those of the
    averaged network, and have to be measured.

    Args:
        model: Has the parameters.
        learning: Those that learn.
        tolerance: The paper's r, 1 or more.
    """

    growth = STARTS + 1

    def __init__(self, model: nn.Module, learning: Collection[nn.Parameter], tolerance: float) -> None:
        super().__init__(model, learning, 0.0)
        self.tolerance = tolerance
        self.limit: float | None = None  # of the loss, once the start is found
        self.spans: list[Span] = []  # of steps up to a look; the last one may be open
        self._parameters = named(model, learning)

    def update(self) -> None:
        """Take in the weights after a step."""
        self.updates += 1
        if self.over or not self.spans:
            return
        if self.spans[-1].losses:
            self.spans.append(Span(self.updates, self.updates, [], copied(self._parameters)))
        else:
            self.spans[-1].add(self._parameters, 1)

    def look(self, loss: float | None) -> None:
        """Take in the validation loss after the last step: it begins the average anew, goes on with it or ends it."""
        if loss is None or self.over:
            return
        if self.limit is None and (not self.spans or loss < self.spans[0].losses[0]):
            self.spans = [Span(self.updates, self.updates, [loss], copied(self._parameters))]
            return
        self.spans[-1].losses.append(loss)
        if self.limit is None and len(self.spans) == STARTS:
            mean = math.fsum(span.losses[0] for span in self.spans) / STARTS
            self.limit = mean + (self.tolerance - 1) * abs(mean)
        if self.limit is not None:
            self._settle(self.limit)

    def _settle(self, limit: float) -> None:
        """Join what surely counts, and what counts unless the loss stays above the limit."""
        sure = 1 + max(place for place, span in enumerate(self.spans) if span.losses[-1] <= limit)
        self.spans = [_joined(part) for part in (self.spans[:sure], self.spans[sure:]) if part]
        if len(self.spans) > 1 and len(self.spans[1].losses) == ENDS:
            del self.spans[1]
            self.over = True

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Leave the weights as they are: their loss says where to average."""
        yield

    def apply(self) -> None:
        """Put the average into the model for good; without a start the weights stay."""
        if self.limit is not None:
            self.weights = _joined(self.spans).weights
            super().apply()

    def window(self) -> tuple[int, int] | None:
        """Return the first and the last step that are averaged; None where no start was found."""
        return None if self.limit is None else (self.spans[0].first, self.spans[-1].last)

    def pack(self) -> tuple[Weights, Any]:
        """Return the tensors of all spans, and what else they are."""
        tensors = {f"{place}.{name}": w for place, span in enumerate(self.spans) for name, w in span.weights.items()}
        spans = [[span.first, span.last, span.losses] for span in self.spans]
        return tensors, [self.updates, self.limit, self.over, spans]

    def restore(self, tensors: Mapping[str, torch.Tensor], plain: Any) -> None:
        """Put back what `pack` gave."""
        self.updates, self.limit, self.over, spans = plain
        own = self._parameters.items()
        self.spans = [
            Span(first, last, losses, {name: torch.empty_like(p).copy_(tensors[f"{place}.{name}"]) for name, p in own})
            for place, (first, last, losses) in enumerate(spans)
        ]


def _joined(spans: Sequence[Span]) -> Span:
    """Join spans that follow each other into the first of them."""
    first = spans[0]
    for span in spans[1:]:
        first.add(span.weights, span.last - span.first + 1)
        first.losses += span.losses
    return first
