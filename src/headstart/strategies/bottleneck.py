"""Bottleneck adapters: a small network after each stage learns (Houlsby et al. 2019, arXiv:1902.00751).

Houlsby puts two adapters into each transformer layer, Pfeiffer et al. 2020 (arXiv:2005.00247) one at its
end; here one stands at the end of each stage, which in a transformer is a layer. On maps it is applied at
each place, as a 1×1 convolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.types import Defaults, ParamGroup, Tuning
from headstart.models.model import Backbone, Model, device_of
from headstart.models.taps import channel_axes, first, stage_modules, stage_shapes, with_first
from headstart.strategies._groups import head_group
from headstart.strategies._insert import insert_once


@dataclass(frozen=True)
class Bottleneck:
    """After each stage h becomes h + up(gelu(down(h))), `width` wide inside.

    The adapters and the head learn. The adapters stay in the model: they cannot be merged.
    """

    width: int = 64
    defaults: ClassVar[Defaults] = Defaults(lr=1e-3, epochs=8)

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width must be at least 1; it is {self.width}.")

    def prepare(self, model: Model) -> Tuning:
        """Insert the adapters; let them and the heads learn. UsageError: no stage gives a hidden state."""
        return Tuning([ParamGroup(list(self.insert(model.backbone).parameters())), head_group(model)])

    def insert(self, backbone: Backbone) -> nn.Module:
        """Insert the adapters, which change nothing as long as they have not learnt."""
        return insert_once(backbone, self, self._make)

    def _make(self, backbone: Backbone) -> nn.Module:
        modules, shapes = stage_modules(backbone), stage_shapes(backbone)
        if not shapes:
            raise UsageError(f"bottleneck needs stages that give a hidden state; {backbone.card.name} has none.")
        adapters, axes = nn.ModuleList(), channel_axes(backbone)
        for stage, shape in shapes.items():
            adapter = Adapter(shape[axes[stage]], self.width, axes[stage])
            modules[stage].register_forward_hook(adapter.after)
            adapters.append(adapter)
        return adapters.to(device_of(backbone))


class Adapter(nn.Module):
    """Add a correction to a hidden state; it is zero at first."""

    def __init__(self, dim: int, width: int, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.down = nn.Linear(dim, width)
        self.up = nn.Linear(width, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:  # any shape, `dim` channels on the axis
        channels_last = hidden.movedim(self.axis, -1)
        return hidden + self.up(functional.gelu(self.down(channels_last))).movedim(-1, self.axis)

    def after(self, _: nn.Module, __: Any, output: Any) -> Any:
        """Stand behind a module, as its forward hook."""
        return with_first(output, self(first(output)))
