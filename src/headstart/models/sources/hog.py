"""`hog:colour`: no pretrained network, but histograms of a picture's gradients (HOG) and of its colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from headstart.core.errors import unknown
from headstart.core.offer import Offer
from headstart.core.types import Card, Features, Task
from headstart.inputs import by_name
from headstart.inputs.image import Image
from headstart.models.model import Backbone

NAMES = ("colour",)
SIDE, CELL, BLOCK = 64, 8, 2  # pixels of a picture, pixels of a cell, cells of a block
DIRECTIONS = 9  # of gradients, over half a turn
LEVELS = 4  # of each of red, green and blue
CLIPPED = 0.2  # largest share of a block's length before it is normalised again
FLAT = 1e-2  # of a block's length, below which it has no gradients to speak of
CELLS = SIDE // CELL
BLOCKS = (CELLS - BLOCK + 1) ** 2
COLOURS = LEVELS**3
DIM = BLOCKS * BLOCK**2 * DIRECTIONS + 5 * COLOURS


@dataclass(frozen=True)
class Hog:
    """Histograms of oriented gradients (Dalal & Triggs 2005) and of colours, of a picture of 64 x 64 pixels.

    It has no weights that learn, and needs two or three milliseconds for a picture, half of it to open the file.
    """

    def names(self, query: str) -> list[str]:
        """List the one."""
        return [name for name in NAMES if query in name]

    @classmethod
    def offers(cls, task: Task, inputs: Any) -> list[Offer]:
        """Offer itself where this is a baseline of the modality.

        Args:
            task: Names the modality.
            inputs: The training rows'.

        Returns:
            One offer, or none.
        """
        return [offer for offer in by_name(task.modality).baselines(inputs) if offer.source.startswith("hog:")]

    def load(self, name: str) -> Backbone:
        """Build the backbone. UsageError: the name is another one."""
        if name not in NAMES:
            raise unknown("descriptor of pictures", name, list(NAMES))
        expected = Image(SIDE, SIDE, 3, (0.0,) * 3, (1.0,) * 3, whole=True)
        card = Card(f"hog:{name}", "hog", 0, expected, "hog", {"dim": DIM}, "none: gradients and colours")
        return self.rebuild(card)

    def rebuild(self, card: Card) -> Backbone:
        """Build the network of a card: it has no weights."""
        return _Histograms(card)


class _Histograms(Backbone):
    """Both kinds of histograms in one row, each kind of about the length 1."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card = card
        self.dim = card.architecture["dim"]

    def stages(self) -> dict[str, tuple[str, ...]]:
        return {}

    def forward(self, x: torch.Tensor) -> Features:  # [B, 3, 64, 64], from 0 to 1
        x = x.float()
        return Features(pooled=torch.cat([gradients(x), colours(x)], dim=1))


def gradients(x: torch.Tensor) -> torch.Tensor:
    """Compute the histograms of oriented gradients, as Dalal & Triggs (2005): of the square root of the colours, the
    gradient of the colour that has the largest one; 9 directions of half a turn, blocks of 2 x 2 cells, clipped at 0.2.

    Args:
        x: Pictures, [B, 3, H, W], from 0 to 1.

    Returns:
        The blocks one after another, each of length 1 (0 where the picture is plain) over their number's root.
    """
    x = functional.pad(x.clamp(0, 1).sqrt(), (1, 1, 1, 1), mode="replicate")
    across, down = x[:, :, 1:-1, 2:] - x[:, :, 1:-1, :-2], x[:, :, 2:, 1:-1] - x[:, :, :-2, 1:-1]
    size = across.square() + down.square()
    largest = size.argmax(dim=1, keepdim=True)
    across, down, size = (each.gather(1, largest) for each in (across, down, size))  # [B, 1, H, W]
    direction = torch.atan2(down, across) / torch.pi * DIRECTIONS
    away = (direction - torch.arange(DIRECTIONS, device=x.device).view(1, -1, 1, 1)).remainder(DIRECTIONS)
    near = (1 - torch.minimum(away, DIRECTIONS - away)).clamp(min=0)  # a gradient counts for the two directions beside
    cells = functional.avg_pool2d(near * size.sqrt(), CELL)  # [B, 9, h, w]
    blocks = functional.unfold(cells, BLOCK)  # [B, 36, blocks]
    blocks = (blocks / (blocks.square().sum(dim=1, keepdim=True) + FLAT**2).sqrt()).clamp(max=CLIPPED)
    blocks = functional.normalize(blocks, dim=1)
    return blocks.flatten(1) / blocks.shape[2] ** 0.5


def colours(x: torch.Tensor) -> torch.Tensor:
    """Compute the square roots of the shares of colours (64 of them), of the picture and of its four quarters.

    Args:
        x: Pictures, [B, 3, H, W] with even sides, from 0 to 1.

    Returns:
        Five histograms a picture, [B, 320], the five together of length 1.
    """
    rows, (height, width) = len(x), x.shape[2:]
    level = (x * LEVELS).long().clamp(0, LEVELS - 1)  # [B, 3, H, W]
    colour = (level[:, 0] * LEVELS + level[:, 1]) * LEVELS + level[:, 2]
    quarter = torch.arange(4, device=x.device).view(2, 1, 2, 1).expand(2, height // 2, 2, width // 2)
    place = (quarter.reshape(height, width) * COLOURS + colour).flatten(1)  # [B, H * W]
    counts = torch.zeros(rows, 4 * COLOURS, device=x.device)
    counts.scatter_add_(1, place, torch.ones_like(place, dtype=counts.dtype))
    quarters = counts.view(rows, 4, COLOURS) / (height * width / 4)
    shares = torch.cat([quarters.mean(dim=1, keepdim=True), quarters], dim=1)
    return (shares / 5).sqrt().flatten(1)
