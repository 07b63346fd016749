"""Shared gradients: each target has a copy of the common part, and what one learns the others take over.

With share 1 each copy moves by the sum of all targets' gradients, so that copies stay equal and the common part is as
with shared weights. With less, each moves by its own gradient and that share of the others', and copies drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from headstart.core.types import Tuning
from headstart.models.model import Backbone
from headstart.models.stages import plain
from headstart.sharing._own import Copies, OwnTensors, common_stages


@dataclass(frozen=True)
class ShareGradients(OwnTensors):
    """Each target has all stages for itself; copies of the first ones also move by the others' gradients.

    Attributes:
        common: Stages in the common part, from the input: how many, or the last one's name; None: all but one.
        share: Of the other targets' gradients, from 0 to 1.
    """

    common: str | None = None
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must be from 0 to 1; it is {self.share}.")

    def is_own(self, backbone: Backbone) -> Callable[[str], bool]:
        """Say that everything is each target's own."""
        common_stages(backbone, self.common, self)
        return lambda _: True

    def complete(self, backbone: Backbone, tuning: Tuning, common: Sequence[nn.Parameter], copies: Copies) -> Tuning:
        """Pass the gradients of the common part on."""
        shared = common_stages(backbone, self.common, self)
        tied = [each for name, each in copies.items() if plain(name) in shared]

        def gradients() -> None:
            for each in tied:
                own = [torch.zeros_like(p) if p.grad is None else p.grad for p in each]
                total = torch.stack(own).sum(dim=0)
                for p, gradient in zip(each, own, strict=True):
                    p.grad = gradient + self.share * (total - gradient)

        tuning.gradients = gradients
        return tuning
