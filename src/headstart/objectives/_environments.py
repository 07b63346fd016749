"""Several source domains, and a target that nothing is known of: the base of objectives for domain generalisation.

Each step has as many rows of every source domain. What the domains have in common is kept by a penalty on how they
differ; the objective `supervised` on the same rows is empirical risk minimisation, which they have to beat (Gulrajani &
Lopez-Paz 2021, arXiv:2007.01434).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch

from headstart.core.learning import where_known
from headstart.core.types import Batch, Loss, LossOptions, Stream
from headstart.models.model import Model
from headstart.models.pooling import pool
from headstart.objectives._smoothed import Smoothed
from headstart.objectives._tasks import losses_of


@dataclass(frozen=True)
class Domain:
    """What one source domain's rows of a step gave.

    Attributes:
        number: Of the domain, counted from 0.
        pooled: Features as the heads pool them, [B, D].
        outputs: By target, [B, outputs].
        batch: The rows, without their views.
        risk: The sum of the targets' losses, a scalar.
    """

    number: int
    pooled: torch.Tensor
    outputs: Mapping[str, torch.Tensor]
    batch: Batch
    risk: torch.Tensor


@dataclass(frozen=True)
class SourceDomains(Smoothed):
    """An objective on several labelled source domains, which are compared within a batch."""

    couples_rows: ClassVar[bool] = True

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The labelled source domains, each equally often."""
        return (Stream("source", sampler="domains"),)


@dataclass(frozen=True)
class Environments(SourceDomains):
    """Minimise the mean of the source domains' risks, and a penalty on how the domains differ.

    Attributes:
        weight: Of the penalty, once the first part of the stage is over.
        begin: Share of the stage in which the weight is 1 at most, so that the task is learnt first.
    """

    weight: float = 1.0
    begin: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"weight must be 0 or more; it is {self.weight}.")
        if not 0 <= self.begin <= 1:
            raise ValueError(f"begin must be in [0, 1]; it is {self.begin}.")

    @abstractmethod
    def differ(self, model: Model, extra: Any, domains: Sequence[Domain]) -> torch.Tensor:
        """Compute how much the domains differ, a scalar; `extra` is what `modules` made."""

    def losses(self, model: Model, extra: Any, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the mean risk "task", and the penalty "domains"."""
        domains = domains_of(model, batches["source"], self.loss_options)
        risk = torch.stack([domain.risk for domain in domains]).mean()
        weight = self.weight if progress >= self.begin else min(1.0, self.weight)
        with torch.autocast(risk.device.type, enabled=False):
            penalty = weight * self.differ(model, extra, domains)
        return {"task": Loss(risk, only(batches["source"].labels)), "domains": Loss(penalty)}


def domains_of(model: Model, batch: Batch, options: LossOptions) -> list[Domain]:
    """Compute what a batch gives, domain by domain.

    Args:
        model: Has the heads.
        batch: Rows with labels and the numbers of their domains.
        options: What the heads' loss is asked for.

    Returns:
        The domains that the batch has rows of, by number.
    """
    assert batch.domains is not None, "the stream's sampler gives rows of domains"
    features, heads = model.features(batch.x), model.by_target()
    outputs = {name: head(features) for name, head in heads.items()}
    pooled = pool(features, next(iter(heads.values())).pooling).float()
    found = []
    for number in batch.domains.unique().tolist():
        take = partial(where_known, known=batch.domains == number)
        own = {name: take(out) for name, out in outputs.items()}
        labels, known = ({name: take(each) for name, each in part.items()} for part in (batch.labels, batch.known))
        rows = Batch(take(batch.ids), {}, labels, take(batch.domains), known)
        losses = losses_of(model, own, rows, options).values()
        risk = torch.stack([loss.value.float() for loss in losses]).sum()
        found.append(Domain(number, take(pooled), {name: out.float() for name, out in own.items()}, rows, risk))
    return found


def only(labels: Mapping[str, Any]) -> str | None:
    """Return the name of the only target; None where there are several."""
    return next(iter(labels)) if len(labels) == 1 else None
