"""An anchor-free detector on the maps of several resolutions (FCOS; Tian et al. 2019, arXiv:1904.01355, section 3).

A feature pyramid (Lin et al. 2017, arXiv:1612.03144) with a level of half the resolution of the coarsest map on top.
Two towers of convolutions that all levels share answer for each place: the classes from one, the distances to the four
sides of a box and how central the place is in it from the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from headstart.core.types import Target
from headstart.models.heads._dense import MapsHead
from headstart.models.model import Head

GROUPS = 8  # of the norms
PRIOR = 0.01  # probability of each class at the start, as in focal loss (arXiv:1708.02002, section 3.3)
PLACE, SIDES = 4, 4  # numbers of a place: its centre and its stride; distances to the sides of a box
MOST_EXPONENT = 8.0  # of a distance in strides


@dataclass(frozen=True)
class Fcos:
    """A detector on the maps of a network: classes and a box at each place of a feature pyramid.

    width: channels of the pyramid, a multiple of 8. depth: convolutions of each of the two towers.
    """

    width: int = 96
    depth: int = 2

    def __post_init__(self) -> None:
        if self.width < GROUPS or self.width % GROUPS:
            raise ValueError(f"width must be a multiple of {GROUPS}, not {self.width}.")
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, not {self.depth}.")

    def build(self, dim: int, target: Target) -> Head:
        """Make the head; its layers come once the backbone is known (`Head.fit_to`)."""

        def make(maps: Sequence[torch.Tensor], size: Sequence[int]) -> nn.Module:
            return Detector([each.shape[1] for each in maps], self.width, self.depth, target.outputs)

        return FcosHead("fcos", make, target)


class Detector(nn.Module):
    """From maps, each [B, C, H, W], fine to coarse, to numbers [B, L, 4 + outputs] of the L places of all levels.

    Those of a place: its centre (x, y) and the stride of its level, as shares of the width and the height; the
    distances from the centre to the left, upper, right and lower side of a box in strides; how central it is, a logit;
    the logits of the classes.

    Args:
        channels: Of the maps.
        width: Channels of the pyramid.
        depth: Convolutions of each tower.
        outputs: Numbers of a place beside where it is.
    """

    def __init__(self, channels: Sequence[int], width: int, depth: int, outputs: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(each, width, 1) for each in channels)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)
        self.coarser = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.of_classes, self.of_boxes = (nn.Sequential(*_tower(width, depth)) for _ in range(2))
        self.classes = nn.Conv2d(width, outputs - SIDES - 1, 3, padding=1)
        self.boxes = nn.Conv2d(width, SIDES + 1, 3, padding=1)
        self.scales = nn.Parameter(torch.ones(len(channels) + 1))
        for layer in (self.classes, self.boxes):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.classes.bias, -math.log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.cat([self._answers(*each) for each in zip(self._levels(maps), self.scales, strict=True)], dim=1)

    def _levels(self, maps: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Make the pyramid, fine to coarse."""
        found: list[torch.Tensor] = []
        for lateral, level in zip(reversed(self.laterals), reversed(maps), strict=True):
            own = lateral(level)
            if found:
                own = own + functional.interpolate(found[-1], size=list(own.shape[2:]), mode="nearest")
            found.append(own)
        smooth = [layer(level) for layer, level in zip(self.smooth, reversed(found), strict=True)]
        return [*smooth, self.coarser(functional.relu(smooth[-1]))]

    def _answers(self, level: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Answer for each place of a level, [B, H * W, 4 + outputs]."""
        boxes = self.boxes(self.of_boxes(level))
        distances = (boxes[:, :SIDES] * scale).clamp(max=MOST_EXPONENT).exp()
        answers = torch.cat([distances, boxes[:, SIDES:], self.classes(self.of_classes(level))], dim=1)
        flat = answers.flatten(2).transpose(1, 2)
        return torch.cat([places(level).expand(len(flat), -1, -1), flat], dim=2)


class FcosHead(MapsHead):
    """A head that finds boxes: outputs [B, L, 4 + outputs], see `Detector`."""

    forms: ClassVar[tuple[str, ...]] = ("boxes",)


def places(level: torch.Tensor) -> torch.Tensor:
    """Return the centres and strides of the places of a map [B, C, H, W], as shares: [H * W, 4] float32."""
    height, width = level.shape[2:]
    across, down = (
        (torch.arange(count, device=level.device, dtype=torch.float32) + 0.5) / count for count in (width, height)
    )
    y, x = torch.meshgrid(down, across, indexing="ij")
    strides = torch.ones_like(x) / width, torch.ones_like(y) / height
    return torch.stack([x, y, *strides], dim=2).flatten(0, 1)


def _tower(width: int, depth: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for _ in range(depth):
        convolution = nn.Conv2d(width, width, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        layers += [convolution, nn.GroupNorm(GROUPS, width), nn.ReLU(inplace=True)]
    return layers
