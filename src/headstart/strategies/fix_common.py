"""Fixed common part: the first stages stay the source's, the private ones start anew (Yosinski 2014, arXiv:1411.1792).

Their networks "AnB": the first n layers are copied and frozen, the others are random and learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.types import Defaults, ParamGroup, Tuning
from headstart.models.model import Model
from headstart.strategies._common import split
from headstart.strategies._groups import head_group


@dataclass(frozen=True)
class FixCommon:
    """The first k stages are taken over and fixed; the others start at random and learn. k None: all but the last."""

    k: int | None = None
    defaults: ClassVar[Defaults] = Defaults(lr=1e-3, epochs=10)

    def prepare(self, model: Model) -> Tuning:
        """Reset the private stages and let them and the heads learn. UsageError: the backbone has no more
        than k stages.
        """
        _, private = split(model, "fix_common", self.k)
        return Tuning([ParamGroup(private), head_group(model)])
