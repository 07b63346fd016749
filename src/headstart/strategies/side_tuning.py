"""Side-tuning: a copy beside the frozen backbone learns, features are blended (Zhang et al. 2020, arXiv:1912.13503).

The paper's side network may be smaller than the backbone; here it is a copy of it, the paper's
choice where the sizes allow it. Computing takes twice as long as with the backbone alone.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import nn

from headstart.core.types import Defaults, Features, ParamGroup, Tuning
from headstart.models.model import Backbone, Model, device_of
from headstart.strategies._groups import head_group
from headstart.strategies._insert import insert_once
from headstart.strategies._rates import PARTLY

HEAD_LR = 10.0  # as in `full`


@dataclass(frozen=True)
class SideTuning:
    """Features become a · backbone + (1 - a) · side, with a = 1/2 at first.

    The side network, a and the head learn. Both networks stay in the model.
    """

    defaults: ClassVar[Defaults] = PARTLY

    def prepare(self, model: Model) -> Tuning:
        """Put the side network in; let it, the blend and the heads learn."""
        side = self.insert(model.backbone)
        return Tuning([ParamGroup(list(side.parameters())), head_group(model, HEAD_LR)])

    def insert(self, backbone: Backbone) -> nn.Module:
        """Put a copy beside the backbone."""
        return insert_once(backbone, self, _make)


class Side(nn.Module):
    """The side network and the blend."""

    def __init__(self, net: Backbone) -> None:
        super().__init__()
        self.net = net
        self.blend = nn.Parameter(torch.zeros(()))  # a is its sigmoid

    def after(self, _: nn.Module, args: tuple[Any, ...], base: Features) -> Features:
        """Stand behind the backbone, as its forward hook."""
        side: Features = self.net(*args)
        share = torch.sigmoid(self.blend)

        def mix(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
            return share * one + (1 - share) * other

        blended: dict[str, Any] = {**base, "pooled": mix(base["pooled"], side["pooled"])}
        if "tokens" in base and "tokens" in side:
            blended["tokens"] = mix(base["tokens"], side["tokens"])
        if "maps" in base and "maps" in side:
            blended["maps"] = [mix(one, other) for one, other in zip(base["maps"], side["maps"], strict=True)]
        return cast(Features, blended)


def _make(backbone: Backbone) -> Side:
    side = Side(copy.deepcopy(backbone)).to(device_of(backbone))
    backbone.register_forward_hook(side.after)
    return side
