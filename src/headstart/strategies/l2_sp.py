"""L2-SP: full fine-tuning that is pulled back to the start, not to zero (Li et al. 2018, arXiv:1802.01483, eq. 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.types import Defaults, ParamGroup, Tuning
from headstart.models.model import Model
from headstart.strategies._rates import FINE_TUNING
from headstart.strategies._source import weights


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
        """Let every parameter learn, and hold the backbone at its start."""
        backbone = ParamGroup(weights(model, "l2_sp"), weight_decay=0.0, hold=self.alpha)
        head = ParamGroup(list(model.heads.parameters()), self.head_lr, weight_decay=0.0)

        def penalty() -> torch.Tensor:
            return self.beta / 2 * torch.stack([p.square().sum() for p in head.params]).sum()

        return Tuning([backbone, head], penalty=penalty if head.params else None)
