"""Learning without forgetting: the source head answers as at the start (Li & Hoiem 2016, arXiv:1606.09282, eq. 2-3).

Two deviations: the old answers are those of a frozen copy on the same augmented batch, where the paper records them
once on plain examples; and the new head is not warmed up first (put a `linear_probe` stage before for that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional

from headstart.core.types import Defaults, ForwardPass, ParamGroup, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import backbone_group, head_group
from headstart.strategies._rates import FINE_TUNING
from headstart.strategies._source import FrozenCopy, mean, source_head


@dataclass(frozen=True)
class Lwf:
    """All stages and the source's head learn; that head's softened answers on the target's examples stay as they were.

    Needs the source task's classifier. After training it is found again, as it has become, in
    `backbone.source_classifier`. weight: weight of the distillation loss. temperature: softens the
    answers. head_lr: the new head learns so many times faster.
    """

    weight: float = 1.0
    temperature: float = 2.0
    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = FINE_TUNING

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0; it is {self.temperature}.")

    def prepare(self, model: Model) -> Tuning:
        """Put the source's head beside the new one, and keep a frozen copy of both parts. UsageError: the source
        brings no classifier.
        """
        old = source_head(model, "lwf").requires_grad_(False)
        teacher = FrozenCopy(model.backbone)
        current = source_head(model, "lwf")
        model.add_module("source_head", current)

        def watch(passes: Sequence[ForwardPass]) -> torch.Tensor:
            losses = []
            for seen in passes:
                pooled = seen.features["pooled"]
                recorded = teacher.features(seen.x, pooled.device)["pooled"]
                answer = old.to(pooled.device)(recorded)
                losses.append(distil(current(pooled), answer, self.temperature))
            return self.weight * mean(losses, model)

        def merge() -> None:
            model.backbone.source_classifier = (current.weight.detach().cpu(), current.bias.detach().cpu())
            del model.source_head

        groups = [backbone_group(model), ParamGroup(list(current.parameters())), head_group(model, self.head_lr)]
        return Tuning(groups, watch=watch, merge=merge)


def distil(out: torch.Tensor, recorded: torch.Tensor, temperature: float) -> torch.Tensor:
    """Cross-entropy of softened answers, mean over the batch.

    Args:
        out: Logits now, [B, C].
        recorded: Logits at the start, [B, C].
        temperature: Both are divided by it; their softmax is the paper's p^(1/T), made to sum to 1.

    Returns:
        A scalar, least where the softened answers are equal.
    """
    return functional.cross_entropy(out.float() / temperature, (recorded.float() / temperature).softmax(dim=1))
