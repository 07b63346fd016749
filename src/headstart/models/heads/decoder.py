"""A small decoder: the maps of several resolutions, brought to one width and added up, coarse to fine.

The feature pyramid of Lin et al. (2017, arXiv:1612.03144, section 3): each map goes through a 1 x 1 convolution, the
coarser sum is enlarged and added; a 3 x 3 convolution smooths the finest sum, as in the semantic branch of Kirillov et
al. (2019, arXiv:1901.02446, section 3), whose group norm it has too. A last 1 x 1 convolution gives the outputs, which
are enlarged to the size of the image that the network sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from headstart.core.types import Target
from headstart.models.heads._dense import PixelHead, enlarged, even
from headstart.models.model import Head

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
        """Make the head; its convolutions come once the backbone is known (`Head.fit_to`)."""

        def make(maps: Sequence[torch.Tensor], size: Sequence[int]) -> nn.Module:
            return Pyramid([each.shape[1] for each in maps], self.width, target.outputs, self.dropout)

        return PixelHead("decoder", make, target)


class Pyramid(nn.Module):
    """From maps, each [B, C, H, W], fine to coarse, to outputs [B, outputs, H, W] at the resolution of the finest."""

    def __init__(self, channels: Sequence[int], width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(each, width, 1) for each in channels)
        self.smooth = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(GROUPS, width)
        self.dropout = nn.Dropout2d(dropout)
        self.last = even(nn.Conv2d(width, outputs, 1))

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        found: torch.Tensor | None = None
        for lateral, level in zip(reversed(self.laterals), reversed(maps), strict=True):
            own = lateral(level)
            found = own if found is None else own + enlarged(found, own.shape[2:])
        assert found is not None
        return self.last(self.dropout(functional.relu(self.norm(self.smooth(found)))))
