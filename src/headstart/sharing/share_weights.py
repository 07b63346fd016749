"""A common part that all targets move, and private parts: hard parameter sharing (Caruana 1997), cut anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headstart.models.model import Backbone
from headstart.sharing._own import OwnTensors, common_stages


@dataclass(frozen=True)
class ShareWeights(OwnTensors):
    """The first stages are common and move; each target has the others for itself.

    Attributes:
        common: Stages in the common part, from the input: how many, or the last one's name; None: all but one.
    """

    common: str | None = None

    def is_own(self, backbone: Backbone) -> Callable[[str], bool]:
        """Say that what is not in the common part is each target's own."""
        shared = common_stages(backbone, self.common, self)
        return lambda name: name not in shared
