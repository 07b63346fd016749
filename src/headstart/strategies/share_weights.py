"""Shared common part: the first stages learn on, the private ones start anew (Yosinski 2014, arXiv:1411.1792).

Their networks "AnB+". Every stream of the objective passes through the common part: with an objective that has a source
stream, source and target learn one set of weights together, hard parameter sharing (Caruana 1997).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.types import Defaults, ParamGroup, Tuning
from headstart.models.model import Model
from headstart.strategies._common import split
from headstart.strategies._groups import head_group


@dataclass(frozen=True)
class ShareWeights:
    """The first k stages start as the source's, the others at random; all learn.

    k None: all but the last. private_lr: the private stages and the head learn so many times faster.
    """

    k: int | None = None
    private_lr: float = 10.0
    defaults: ClassVar[Defaults] = Defaults(lr=3e-4, epochs=10)

    def prepare(self, model: Model) -> Tuning:
        """Reset the private stages and let everything learn. UsageError: the backbone has no more than k
        stages.
        """
        common, private = split(model, "share_weights", self.k)
        return Tuning([ParamGroup(common), ParamGroup(private, self.private_lr), head_group(model, self.private_lr)])
