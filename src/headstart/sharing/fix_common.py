"""A common part that stays the source's, and private parts that learn (Yosinski et al. 2014, arXiv:1411.1792)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from headstart.core.types import Tuning
from headstart.models.model import Backbone
from headstart.sharing._own import Copies
from headstart.sharing.share_weights import ShareWeights


@dataclass(frozen=True)
class FixCommon(ShareWeights):
    """The first stages are common and stay as they are; each target learns the others for itself."""

    def complete(self, backbone: Backbone, tuning: Tuning, common: Sequence[nn.Parameter], copies: Copies) -> Tuning:
        """Take the common part out of what learns."""
        fixed = {id(p) for p in common}
        left = [dataclasses.replace(g, params=[p for p in g.params if id(p) not in fixed]) for g in tuning.groups]
        tuning.groups = [group for group in left if group.params]
        return tuning
