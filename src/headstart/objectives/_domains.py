"""Two domains, a labelled source and a target without labels: the base of the objectives that align them.

An alignment loss is one file: a frozen dataclass derived from `Alignment` that gives `align`. The source and the target
pass the backbone in two calls, so that each domain's batch norm sees its own statistics where batch norm learns.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.plugins import name_of
from headstart.core.types import Batch, Features, Loss, Stream
from headstart.models.model import Model
from headstart.models.pooling import pool
from headstart.objectives._few import FEW, learnt
from headstart.objectives._norms import averages_kept
from headstart.objectives._open_set import OpenSet
from headstart.objectives._tasks import class_head, losses_of


@dataclass(frozen=True)
class TwoDomains(OpenSet):
    """An objective on a labelled source and a target without labels, of which a few more rows may have some."""

    also: ClassVar[tuple[Stream, ...]] = (FEW,)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """A labelled source domain, and a target domain without labels."""
        return (Stream("source"), Stream("target", labelled=False))


@dataclass(frozen=True)
class OneNetwork(TwoDomains):
    """An objective by which one network learns the rows of both domains.

    Attributes:
        norm: Whose rows the stored averages of batch norm follow, by which the saved model normalises: "both", or
            "target", the statistics of domain-specific batch normalisation (Chang et al. 2019, arXiv:1906.03950), with
            scale and shift in common. In training each domain is normalised by its own batch in either case.
    """

    norm: Literal["both", "target"] = "both"

    @property
    def criterion(self) -> str:
        """Validation rows of the source; the last step where these would be measured by the target's averages."""
        return "last" if self.norm == "target" else "validation"

    def source_rows(self, model: Model) -> AbstractContextManager[None]:
        """Begin a pass of source rows. UsageError: the averages are to follow the target, and no batch norm learns."""
        return averages_kept(model, name_of(self)) if self.norm == "target" else nullcontext()


@dataclass(frozen=True)
class Side:
    """What one domain's rows of a step gave, in 32 bits.

    Attributes:
        pooled: Features as the heads pool them, [B, D].
        outputs: What the heads say of them, [B, outputs]: of one class a row the logits [B, C]; of several targets one
            beside the other.
        labels: By target, as in `Batch`; none of the target domain.
    """

    pooled: torch.Tensor
    outputs: torch.Tensor
    labels: Mapping[str, Any]

    @property
    def probabilities(self) -> torch.Tensor:
        """Of each class, [B, C], where there is one class a row."""
        return self.outputs.softmax(dim=1)


@dataclass(frozen=True)
class Alignment(OneNetwork):
    """Minimise the tasks' losses on the source, and `weight` times a loss that brings the target to it.

    Attributes:
        weight: Weight of the alignment loss.
        forms: Of the one target that `align` needs; empty: it takes any, and several.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"weight must be 0 or more; it is {self.weight}.")

    def modules(self, model: Model) -> nn.Module:
        """Make nothing. UsageError: `align` needs classes, and the task is another one."""
        if self.forms:
            class_head(model, name_of(self))
        return nn.Module()

    @abstractmethod
    def align(self, model: Model, extra: Any, source: Side, target: Side, strength: float) -> torch.Tensor:
        """Compute the alignment loss.

        Args:
            model: Is learning.
            extra: What `modules` made.
            source: The source's rows of this step.
            target: The target's rows of this step.
            strength: Rises from 0 to 1 over the stage, as of `strength_at`, for losses that begin gently.

        Returns:
            A scalar.
        """

    def losses(self, model: Model, extra: Any, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the tasks' losses on the source, and the loss "domain" on both."""
        with self.source_rows(model):
            features = [model.features(batches["source"].x)]
        features.append(model.features(batches["target"].x))
        outputs = [{name: head(seen) for name, head in model.by_target().items()} for seen in features]
        labelled = batches["source"]
        source = _side(model, features[0], outputs[0], labelled.labels)
        target = _side(model, features[1], outputs[1], {})
        with torch.autocast(source.pooled.device.type, enabled=False):
            domain = self.weight * self.align(model, extra, source, target, strength_at(progress))
        own = losses_of(model, outputs[0], labelled, self.loss_options)
        own = learnt(model, own, batches, self.loss_options)
        return {**own, "domain": Loss(domain)}


def check_moves(model: Model, objective: str) -> None:
    """Check that the features can move.

    Args:
        model: Its strategy has decided what learns.
        objective: Who moves nothing but features, for the message.

    Raises:
        UsageError: Nothing in the backbone learns.
    """
    if not any(parameter.requires_grad for parameter in model.backbone.parameters()):
        raise UsageError(f"{objective} needs features that learn: it leaves the heads alone. Use the strategy full.")


def strength_at(progress: float) -> float:
    """Return 2 / (1 + exp(-10 p)) - 1: from 0 to 1 over the progress p (Ganin et al. 2016, section 5.2.2)."""
    return 2 / (1 + math.exp(-10 * progress)) - 1


def entropy(logits: torch.Tensor) -> torch.Tensor:
    """Return the entropy of each row's answer, in nats: logits [B, C] to [B]."""
    return -(logits.softmax(dim=1) * logits.log_softmax(dim=1)).sum(dim=1)


def _side(model: Model, features: Features, outputs: Mapping[str, torch.Tensor], labels: Mapping[str, Any]) -> Side:
    """Collect what a domain's rows gave; the heads pool alike."""
    pooled = pool(features, next(iter(model.by_target().values())).pooling)
    return Side(pooled.float(), torch.cat([out.float() for out in outputs.values()], dim=1), labels)
