"""Maximum classifier discrepancy: two classifiers disagree, the features align (Saito 2018, arXiv:1712.02560).

Their section 3.3. Each step has three kinds of updates: all learn the source task; the classifiers learn to disagree
on the target while they keep the source task; the features learn to make them agree, `agree` times. The discrepancy
is the mean absolute difference of the two answers (their eq. 9); for a regression, of standardised values.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from headstart.core.types import MODEL_PARTS, Batch, Features, Loss, Update
from headstart.models.model import Head, Model
from headstart.objectives._domains import OneNetwork
from headstart.objectives._few import with_few
from headstart.objectives._tasks import only_head


@dataclass(frozen=True)
class Mcd(OneNetwork):
    """Minimise the task's loss on `source` with two classifiers, and their discrepancy on `target` against them.

    Attributes:
        agree: Updates of the features in each step.
    """

    agree: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.agree < 1:
            raise ValueError(f"agree must be at least 1; it is {self.agree}.")

    @property
    def updates(self) -> tuple[Update, ...]:
        """The source task; then the classifiers against the features, and the features against the classifiers."""
        features = Update(("backbone",), self._agree)
        return (Update(MODEL_PARTS, self.losses), Update(("heads", "extra"), self._disagree), *[features] * self.agree)

    def modules(self, model: Model) -> nn.Module:
        """Make the second classifier: the head's network with weights of its own. UsageError: there are several."""
        second = copy.deepcopy(only_head(model, "mcd"))
        for module in second.modules():
            reset = getattr(module, "reset_parameters", None)
            if reset is not None:
                reset()
        return second

    def losses(self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the source task's loss of both classifiers."""
        with self.source_rows(model):
            features = model.features(batches["source"].x)
        return self._tasks(model, extra, features, batches)

    def _tasks(
        self, model: Model, extra: nn.Module, features: Features, batches: Mapping[str, Batch]
    ) -> dict[str, Loss]:
        source = self._task(model, extra, features, batches["source"])
        return with_few(source, batches, lambda few: self._task(model, extra, model.features(few.x), few))

    def _task(self, model: Model, extra: nn.Module, features: Features, batch: Batch) -> dict[str, Loss]:
        (name, y), first, second = next(iter(batch.labels.items())), model.head, cast(Head, extra)
        return {
            "task": Loss(first.loss(first(features), y, self.loss_options), name),
            "task_second": Loss(second.loss(second(features), y, self.loss_options), name),
        }

    def _disagree(
        self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float
    ) -> dict[str, Loss]:
        with torch.no_grad():  # the features stay as they are
            target = model.features(batches["target"].x)
            with self.source_rows(model):
                features = model.features(batches["source"].x)
        first, second = model.head, cast(Head, extra)
        disagreement = -discrepancy(first, second, first(target), second(target))
        return {**self._tasks(model, extra, features, batches), "disagreement": Loss(disagreement)}

    def _agree(self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        target = model.features(batches["target"].x)
        first, second = model.head, cast(Head, extra)
        return {"discrepancy": Loss(discrepancy(first, second, first(target), second(target)))}


def discrepancy(first: Head, second: Head, out: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Measure how far two answers are apart.

    Args:
        first: Gives `out`, [B, outputs].
        second: Gives `other`, [B, outputs].
        out: What the first head gave.
        other: What the second head gave.

    Returns:
        The mean absolute difference of the probabilities, or of standardised values; a scalar.
    """
    answer, another = first.output.comparable(out.float()), second.output.comparable(other.float())
    return (answer - another).abs().mean()
