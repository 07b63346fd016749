"""Gradual unfreezing: the head first, then stage after stage from the top (Howard & Ruder 2018, arXiv:1801.06146)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import ClassVar

from headstart.core.types import Defaults, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import head_group, stage_groups
from headstart.strategies._rates import FINE_TUNING


@dataclass(frozen=True)
class Gradual:
    """Over the share `unfreeze` of the steps all stages come to learn, the last one first, at equal distances.

    A stage is bit-identical and in evaluation mode until its turn. The paper unfreezes one layer an
    epoch, which needs as many epochs as there are layers. Each stage learns `decay` times as fast
    as the one above it (the paper: 1 / 2.6), the head `head_lr` times faster than the last stage.
    """

    unfreeze: float = 0.5
    decay: float = 1.0
    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = replace(FINE_TUNING, epochs=6)

    def __post_init__(self) -> None:
        if not 0 < self.unfreeze <= 1 or not 0 < self.decay <= 1:
            raise ValueError(
                f"unfreeze and decay must be above 0 and at most 1; they are {self.unfreeze} and {self.decay}."
            )

    def prepare(self, model: Model) -> Tuning:
        """Set the moment at which each stage begins to learn."""
        groups = stage_groups(model, self.decay)
        later = [
            dataclasses.replace(group, start=self.unfreeze * (len(groups) - place) / (len(groups) + 1))
            for place, group in enumerate(groups)
        ]
        return Tuning([*later, head_group(model, self.head_lr)])
