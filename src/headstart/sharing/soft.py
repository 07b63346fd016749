"""Soft sharing: each target has its own copy, and the copies are pulled together (Duong et al. 2015, ACL P15-2139).

To the losses is added weight / 2 times the sum over targets of the squared distance of its copy from the mean copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from headstart.core.types import Tuning
from headstart.models.model import Backbone
from headstart.sharing._own import Copies, OwnTensors


@dataclass(frozen=True)
class Soft(OwnTensors):
    """Each target has all that learns for itself; copies are pulled to their mean.

    Attributes:
        weight: Of half the squared distance.
    """

    weight: float = 1.0

    def is_own(self, backbone: Backbone) -> Callable[[str], bool]:
        """Say that everything is each target's own."""
        return lambda _: True

    def complete(self, backbone: Backbone, tuning: Tuning, common: Sequence[nn.Parameter], copies: Copies) -> Tuning:
        """Add the distance to the penalty."""
        before = tuning.penalty

        def penalty() -> torch.Tensor:
            apart = torch.stack([_apart(each) for each in copies.values()]).sum() * self.weight / 2
            return apart if before is None else apart + before()

        tuning.penalty = penalty
        return tuning


def _apart(copies: Sequence[nn.Parameter]) -> torch.Tensor:
    """Return the sum of squared distances of copies from their mean."""
    each = torch.stack(list(copies))
    return (each - each.mean(dim=0)).square().sum()
