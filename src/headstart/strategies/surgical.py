"""Surgical fine-tuning: the stages with the largest relative gradients learn (Lee et al. 2022, arXiv:2210.11466).

The paper's Auto-RGN scales each layer's rate by its relative gradient norm; here, as in its manual
form, some stages learn and the rest stays. A new head's gradients say little: let a stage of
`linear_probe` come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.errors import UsageError, first_few
from headstart.core.types import Batch, Defaults, ParamGroup, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import backbone_group, head_group
from headstart.strategies._rates import FINE_TUNING
from headstart.strategies._source import task_loss


@dataclass(frozen=True)
class Surgical:
    """The `k` stages with the largest |gradient| / |weights| on the training rows learn.

    The gradient is the task loss's, over one pass. The head learns `head_lr` times faster.
    """

    k: int = 1
    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = FINE_TUNING

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1; it is {self.k}.")

    def prepare(self, model: Model) -> Tuning:
        """Let everything have a gradient, then choose. UsageError: the backbone has fewer than k stages."""
        stages = model.stage_parameters()
        if self.k > len(stages):
            raise UsageError(
                f"surgical, k={self.k}: {model.backbone.card.name} has {len(stages)} stages: {first_few(stages)}."
            )
        head = head_group(model, self.head_lr)

        tuning = Tuning([backbone_group(model), head])

        def survey(rows: Callable[[], Iterable[Batch]]) -> None:
            for batch in rows():
                loss = task_loss(model.by_target(), model.features(batch.x), batch)
                (loss * len(batch)).backward()
            chosen = sorted(stages.values(), key=relative_gradient_norm, reverse=True)[: self.k]
            tuning.groups = [ParamGroup([p for stage in chosen for p in stage]), head]

        tuning.survey = survey
        return tuning


def relative_gradient_norm(params: list[torch.nn.Parameter]) -> float:
    """Compute |gradient| / |weights| of parameters together; a parameter without gradient counts as zero."""
    gradient = sum(float(p.grad.double().square().sum()) for p in params if p.grad is not None)
    weights = sum(float(p.detach().double().square().sum()) for p in params)
    return (gradient / max(weights, 1e-30)) ** 0.5
