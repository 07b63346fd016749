"""L2-SP: full fine-tuning that is pulled back to the start, not to zero (Li et al. 2018, arXiv:1802.01483, eq. 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.types import Defaults, ParamGroup, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import head_group
from headstart.strategies._rates import FINE_TUNING
from headstart.strategies._source import Start, weights


@dataclass(frozen=True)
class L2Sp:
    """All stages learn, under alpha/2 ||w - w0||^2 for the backbone and beta/2 ||w||^2 for the heads.

    Weight decay, which pulls to zero, is off: the penalty takes its place. w0 are the weights that the stage starts
    with. head_lr: the new head learns so many times faster.
    """

    alpha: float = 0.1
    beta: float = 0.01
    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = FINE_TUNING

    def prepare(self, model: Model) -> Tuning:
        """Let every parameter learn, and remember where the backbone starts."""
        own = weights(model, "l2_sp")
        start = Start(own)
        new = list(model.heads.parameters())

        def penalty() -> torch.Tensor:
            moved = torch.stack([(now - then).square().sum() for now, then in start.pairs()]).sum()
            size = torch.stack([p.square().sum() for p in new]).sum()
            return (self.alpha * moved + self.beta * size) / 2

        head = head_group(model, self.head_lr)
        groups = [ParamGroup(own, weight_decay=0.0)]
        return Tuning([*groups, ParamGroup(head.params, head.lr_scale, weight_decay=0.0)], penalty=penalty)
