"""Partial transfer: the last k stages and the head learn (Yosinski et al. 2014, arXiv:1411.1792)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.errors import UsageError, first_few
from headstart.core.types import Defaults, ParamGroup, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import head_group
from headstart.strategies._rates import PARTLY


@dataclass(frozen=True)
class Partial:
    """The last `k` stages of the backbone learn, and the head `head_lr` times faster."""

    k: int = 1
    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = PARTLY

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1 (linear_probe lets no stage learn); it is {self.k}.")

    def prepare(self, model: Model) -> Tuning:
        """Let the last stages and the heads learn. UsageError: the backbone has fewer than k stages."""
        stages = model.stage_parameters()
        if self.k > len(stages):
            raise UsageError(
                f"partial, k={self.k}: {model.backbone.card.name} has {len(stages)} stages: {first_few(stages)}."
            )
        last = [parameter for stage in list(stages.values())[-self.k :] for parameter in stage]
        return Tuning([ParamGroup(last), head_group(model, self.head_lr)])
