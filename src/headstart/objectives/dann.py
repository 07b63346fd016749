"""Domain-adversarial training: features that do not tell the domain (Ganin et al. 2016, arXiv:1505.07818).

The gradient reversal layer is the identity forward and multiplies the gradient by -lambda
backward, with lambda = 2 / (1 + exp(-10 p)) - 1 over the progress p (their section 5.2.2). Source
and target examples pass the backbone in two calls, so that each domain's batch norm sees its own
statistics where batch norm learns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional

from headstart.core.types import Batch, Loss, LossOptions, Objective, Stream
from headstart.models.model import Model, pool
from headstart.objectives._tasks import task_losses


@dataclass(frozen=True)
class Dann(Objective):
    """Minimise the task's loss on `source`, and confuse a classifier of the domain on `source` and `target`.

    Attributes:
        weight: Weight of the domain loss.
        hidden: Width of the domain classifier's two hidden layers.
        label_smoothing: As in `supervised`.
    """

    weight: float = 1.0
    hidden: int = 256
    label_smoothing: float = 0.0
    reads: ClassVar[Literal["features", "inputs"]] = "features"

    @property
    def streams(self) -> tuple[Stream, ...]:
        """A labelled source domain, and a target domain without labels."""
        return (Stream("source"), Stream("target", labelled=False))

    @property
    def loss_options(self) -> LossOptions:
        """What the head is asked for."""
        return LossOptions(label_smoothing=self.label_smoothing)

    def modules(self, model: Model) -> nn.Module:
        """Make the domain classifier, [B, D] to [B]."""
        return DomainClassifier(model.backbone.dim, self.hidden)

    def losses(self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the tasks' losses on the source and the domain loss on both."""
        source, target = batches["source"], batches["target"]
        source_features, target_features = model.features(source.x), model.features(target.x)
        head: Any = next(iter(model.heads.values()))  # the heads pool alike
        pooled = [pool(f, head.pooling) for f in (source_features, target_features)]  # each [B, D]
        strength = 2 / (1 + math.exp(-10 * progress)) - 1
        domain = extra(reverse_gradient(torch.cat(pooled), strength))  # [B_source + B_target]
        is_source = torch.cat([torch.ones(len(pooled[0])), torch.zeros(len(pooled[1]))]).to(domain.device)
        confusion = self.weight * functional.binary_cross_entropy_with_logits(domain.float(), is_source)
        return {
            **task_losses(model, source_features, source.labels, self.loss_options),
            "domain": Loss(confusion),
        }


class DomainClassifier(nn.Module):
    """Classify source against target: a logit for each example."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1)
        )

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:  # [B, D] -> [B]
        return self.layers(pooled).squeeze(1)


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.strength * grad_outputs[0], None


def reverse_gradient(x: torch.Tensor, strength: float) -> torch.Tensor:
    """Pass `x` on unchanged; multiply the gradient by minus `strength` on the way back."""
    reversed_x = _Reverse.apply(x, strength)
    assert isinstance(reversed_x, torch.Tensor)
    return reversed_x
