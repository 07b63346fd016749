"""Feature distillation: the pooled features stay near those of the source (Romero et al. 2015, arXiv:1412.6550, eq. 3).

Teacher and student are one network at two times, so that their hint regressor is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional

from headstart.core.types import Defaults, ForwardPass, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import backbone_group, head_group
from headstart.strategies._rates import FINE_TUNING
from headstart.strategies._source import FrozenCopy, mean


@dataclass(frozen=True)
class FeatureDistillation:
    """All stages learn, under `weight` times the mean squared distance of the features from the source's.

    A frozen copy of the backbone sees each batch too: a step takes about a third more. head_lr: the new head learns so
    many times faster.
    """

    weight: float = 1.0
    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = FINE_TUNING

    def prepare(self, model: Model) -> Tuning:
        """Let every parameter learn, and keep a frozen copy of the backbone."""
        teacher = FrozenCopy(model.backbone)

        def watch(passes: Sequence[ForwardPass]) -> torch.Tensor:
            losses = []
            for seen in passes:
                pooled = seen.features["pooled"]
                taught = teacher.features(seen.x, pooled.device)["pooled"]
                losses.append(functional.mse_loss(pooled.float(), taught.float()))
            return self.weight * mean(losses, model)

        return Tuning([backbone_group(model), head_group(model, self.head_lr)], watch=watch)
