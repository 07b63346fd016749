"""Full fine-tuning: every weight learns, starting from the source's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.types import Defaults, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import backbone_group, head_group
from headstart.strategies._rates import FINE_TUNING


@dataclass(frozen=True)
class Full:
    """All stages learn. The new head, which starts from nothing, learns `head_lr` times faster."""

    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = FINE_TUNING

    def prepare(self, model: Model) -> Tuning:
        """Let every parameter learn."""
        return Tuning([backbone_group(model), head_group(model, self.head_lr)])
