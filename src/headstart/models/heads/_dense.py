"""What heads on maps have in common: a trunk made for the maps that the network gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.types import Features, Target
from headstart.models.model import Backbone, Head
from headstart.models.taps import example, probe

Make = Callable[[Sequence[torch.Tensor], Sequence[int]], nn.Module]


class MapsHead(Head):
    """A head whose trunk reads maps.

    Args:
        name: What messages call it.
        make: Makes the trunk for maps such as the backbone's, fine to coarse, and the height and width of its images.
        target: Decides the loss and the decoding.
    """

    pooled: ClassVar[bool] = False

    def __init__(self, name: str, make: Make, target: Target) -> None:
        super().__init__(nn.Identity(), target)
        self.name, self.make = name, make
        self.size = (1, 1)

    def fit_to(self, backbone: Backbone) -> None:
        """Make the trunk for the backbone's maps. UsageError: it gives none, or takes no images."""
        maps, x = probe(backbone).get("maps"), example(backbone)
        if not maps or not isinstance(x, torch.Tensor) or x.ndim != 4:
            raise UsageError(
                f"The head '{self.name}' needs maps, and {backbone.card.name} gives none: take a network "
                f"of convolutions, such as {option('source', 'timm:resnet18')}."
            )
        self.size = tuple(x.shape[2:])
        self.trunk = self.make(maps, self.size)

    def forward(self, features: Features) -> torch.Tensor:
        return self.trunk(features.get("maps", ()))


class PixelHead(MapsHead):
    """A head that answers for each pixel that the network sees: its trunk's outputs, enlarged to [B, outputs, H, W].

    While it learns it answers for every second pixel of a row and of a column, as the trunk's outputs are coarser
    still: each pixel more would cost as much as the trunk does and say next to nothing new.
    """

    forms: ClassVar[tuple[str, ...]] = ("masks",)

    def forward(self, features: Features) -> torch.Tensor:
        found = super().forward(features)
        half = [max(own, (side + 1) // 2) for own, side in zip(found.shape[2:], self.size, strict=True)]
        return enlarged(found, half if self.training else self.size)


def even(layer: nn.Conv2d) -> nn.Conv2d:
    """Let a last layer answer nearly evenly at first."""
    nn.init.trunc_normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def enlarged(maps: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Bring maps to another size, bilinearly."""
    return functional.interpolate(maps, size=list(size), mode="bilinear", align_corners=False)
