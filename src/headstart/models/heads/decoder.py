"""A small decoder: the maps of several resolutions, brought to one width and added up, coarse to fine.

The feature pyramid of Lin et al. (2017, arXiv:1612.03144, section 3): each map goes through a 1 x 1 convolution, the
coarser sum is enlarged and added; a 3 x 3 convolution smooths the finest sum, as in the semantic branch of Kirillov et
al. (2019, arXiv:1901.02446, section 3), whose group norm it has too. A last 1 x 1 convolution gives the outputs, which
are enlarged to the size of the image that the network sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.types import Features, Target
from headstart.models.model import Backbone, Head
from headstart.models.taps import example, probe

GROUPS = 8  # of the norm


@dataclass(frozen=True)
class Decoder:
    """A feature pyramid on the maps of a network, with an answer for each pixel.

    width: channels of the pyramid, a multiple of 8. dropout: share of the channels that are left out in training.
    """

    width: int = 64
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.width < GROUPS or self.width % GROUPS:
            raise ValueError(f"width must be a multiple of {GROUPS}, not {self.width}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be from 0 to below 1, not {self.dropout}.")

    def build(self, dim: int, target: Target) -> Head:
        """Make the head; the convolutions on maps come once the backbone is known (`Head.fit_to`)."""
        return DecoderHead(Pyramid((), self.width, target.outputs, self.dropout), target, self)


class Pyramid(nn.Module):
    """From maps, each [B, C, H, W], fine to coarse, to outputs [B, outputs, H, W] at the resolution of the finest."""

    def __init__(self, channels: Sequence[int], width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(each, width, 1) for each in channels)
        self.smooth = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(GROUPS, width)
        self.dropout = nn.Dropout2d(dropout)
        self.last = nn.Conv2d(width, outputs, 1)
        nn.init.trunc_normal_(self.last.weight, std=0.01)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        found: torch.Tensor | None = None
        for lateral, level in zip(reversed(self.laterals), reversed(maps), strict=True):
            own = lateral(level)
            found = own if found is None else own + enlarged(found, own.shape[2:])
        assert found is not None
        return self.last(self.dropout(functional.relu(self.norm(self.smooth(found)))))


class DecoderHead(Head):
    """A head that answers for each pixel that the network sees: outputs [B, outputs, H, W]."""

    dense: ClassVar[bool] = True
    forms: ClassVar[tuple[str, ...]] = ("masks",)
    trunk: Pyramid

    def __init__(self, trunk: Pyramid, target: Target, options: Decoder) -> None:
        super().__init__(trunk, target)
        self.options = options
        self.size = (1, 1)

    def fit_to(self, backbone: Backbone) -> None:
        """Make the convolutions on the backbone's maps. UsageError: it gives none, or takes no images."""
        maps, x = probe(backbone).get("maps"), example(backbone)
        if not maps or not isinstance(x, torch.Tensor) or x.ndim != 4:
            raise UsageError(
                f"The head 'decoder' needs maps, and {backbone.card.name} gives none: take a network "
                f"of convolutions, such as {option('source', 'timm:resnet18')}."
            )
        channels = [each.shape[1] for each in maps]
        self.trunk = Pyramid(channels, self.options.width, self.target.outputs, self.options.dropout)
        self.size = tuple(x.shape[2:])

    def forward(self, features: Features) -> torch.Tensor:  # [B, outputs, H, W]
        return enlarged(self.trunk(features.get("maps", ())), self.size)


def enlarged(maps: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Bring maps to another size, bilinearly."""
    return functional.interpolate(maps, size=list(size), mode="bilinear", align_corners=False)
