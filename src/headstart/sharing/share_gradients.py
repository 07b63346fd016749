"""Shared gradients: each target has a copy of the common part, and what one learns the others take over.

With share 1 each copy moves by the sum of all targets' gradients, or by what a rule makes of them, so that copies stay
equal and the common part is as with shared weights. With less, each moves by its own gradient times 1 - share and by
that times share, and copies drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from headstart.core.types import Tied, Tuning
from headstart.models.model import Backbone
from headstart.models.stages import plain
from headstart.sharing._own import Copies, OwnTensors, common_stages


@dataclass(frozen=True)
class ShareGradients(OwnTensors):
    """Each target has all stages for itself; copies of the first ones also move by the others' gradients.

    Attributes:
        common: Stages in the common part, from the input: how many, or the last one's name; None: all but one.
        share: How far a copy's gradient is that of all targets, from 0 to 1.
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
        """Tie the copies of the common part."""
        shared = common_stages(backbone, self.common, self)
        tuning.tied = Tied([each for name, each in copies.items() if plain(name) in shared], self.share)
        return tuning
