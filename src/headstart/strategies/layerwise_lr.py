"""Layer-wise rates: the nearer to the input, the slower a stage learns (Howard & Ruder 2018, arXiv:1801.06146).

The paper (ULMFiT) calls them discriminative rates and divides by 2.6 from layer to layer of a three-layer
network; deep transformers use a milder decay (0.65 to 0.9; Clark et al. 2020, arXiv:2003.10555).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from headstart.core.types import Defaults, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import head_group, stage_groups
from headstart.strategies._rates import FINE_TUNING


@dataclass(frozen=True)
class LayerwiseLr:
    """Each stage learns `decay` times as fast as the one above it, the head `head_lr` times faster than the last."""

    decay: float = 0.75
    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = replace(FINE_TUNING, lr=4e-4, layer_norm_lr=7e-5)

    def __post_init__(self) -> None:
        if not 0 < self.decay <= 1:
            raise ValueError(f"decay must be above 0 and at most 1; it is {self.decay}.")

    def prepare(self, model: Model) -> Tuning:
        """Let every parameter learn at its stage's rate."""
        return Tuning([*stage_groups(model, self.decay), head_group(model, self.head_lr)])
