"""Surgical fine-tuning: the stages whose gradients are largest for their size learn (Lee et al. 2022, arXiv:2210.11466, section 4).

The paper's Auto-RGN scales each layer's rate by its relative gradient norm; here, as in its manual
form, some stages learn and the rest stays. A new head's gradients say little: let a stage of
`linear_probe` come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.errors import UsageError
from headstart.core.types import Batch, Defaults, Loss, ParamGroup, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import backbone_group, head_group


@dataclass(frozen=True)
class Surgical:
    """The `k` stages with the largest |gradient| / |weights| over the first `batches` learn, and the head `head_lr` times faster."""

    k: int = 1
    batches: int = 8
    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = Defaults(lr=1e-4, epochs=4)

    def __post_init__(self) -> None:
        if self.k < 1 or self.batches < 1:
            raise ValueError(f"k and batches must be at least 1; they are {self.k} and {self.batches}.")

    def prepare(self, model: Model) -> Tuning:
        """Let everything have a gradient, then choose.

        Raises:
            UsageError: The backbone has fewer than k stages.
        """
        stages = model.stage_parameters()
        if self.k > len(stages):
            raise UsageError(
                f"surgical, k={self.k}: {model.backbone.card.name} has {len(stages)} stages: {', '.join(stages)}."
            )
        head = head_group(model, self.head_lr)

        def look(batches: Iterator[Mapping[str, Batch]], loss: Loss) -> list[ParamGroup]:
            for _ in range(self.batches):
                loss(next(batches)).backward()
            by_size = sorted(stages.values(), key=relative_gradient_norm, reverse=True)
            chosen = by_size[: self.k]
            return [ParamGroup([p for stage in chosen for p in stage]), head]

        return Tuning([backbone_group(model), head], look=look)


def relative_gradient_norm(params: list[torch.nn.Parameter]) -> float:
    """Compute |gradient| / |weights| of parameters together; a parameter without gradient counts as zero."""
    gradient = sum(float(p.grad.double().square().sum()) for p in params if p.grad is not None)
    weights = sum(float(p.detach().double().square().sum()) for p in params)
    return (gradient / max(weights, 1e-30)) ** 0.5
