"""From scratch: the source's network with fresh random weights. The baseline that a transfer has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.types import Defaults, Tuning
from headstart.models.load import rebuild
from headstart.models.model import Model
from headstart.strategies._groups import backbone_group, head_group


@dataclass(frozen=True)
class Scratch:
    """Nothing is taken over: all weights start at random, and all learn at one rate."""

    defaults: ClassVar[Defaults] = Defaults(lr=1e-3, batch_norm_lr=1e-2, epochs=30)

    def prepare(self, model: Model) -> Tuning:
        """Return the backbone fresh weights and let every parameter learn."""
        fresh = rebuild(model.backbone.card)
        model.backbone.load_state_dict(fresh.state_dict())
        return Tuning([backbone_group(model), head_group(model)])
