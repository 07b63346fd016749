"""`digits:cnn`: a small convolutional network for small grey pictures, with random weights; for trying things out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from headstart.core.errors import unknown
from headstart.core.types import Card, Features
from headstart.inputs.image import Image
from headstart.models import stages
from headstart.models.model import Backbone

WIDTHS = (16, 32, 64)


@dataclass(frozen=True)
class Digits:
    """A small convolutional network with random weights."""

    def names(self, query: str) -> list[str]:
        """List the one network."""
        return [name for name in ("cnn",) if query in name]

    def load(self, name: str) -> Backbone:
        """Build the network, drawn from torch's global generator."""
        if name != "cnn":
            raise unknown("digits model", name, ["cnn"])
        params = sum(parameter.numel() for parameter in _net().parameters())
        expected = Image(16, 16, 1, (0.5,), (0.5,), "bilinear")
        card = Card(
            "digits:cnn",
            "cnn",
            params,
            expected,
            "digits",
            {"widths": list(WIDTHS)},
            source_task="none: random weights",
        )
        return self.rebuild(card)

    def rebuild(self, card: Card) -> Backbone:
        """Build the network of a card with random weights."""
        return _SmallCnn(card)


class _SmallCnn(Backbone):
    """Three blocks, each halving the picture; group norm, so that batches of any size give the same."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card = card
        self.net = _net(tuple(card.architecture["widths"]))
        self.dim = card.architecture["widths"][-1]

    def stages(self) -> dict[str, tuple[str, ...]]:
        return stages.prefixed(stages.from_children(self.net), "net.")

    def forward(self, x: torch.Tensor) -> Features:  # [B, 1, H, W]
        maps = self.net(x)  # [B, D, H/8, W/8]
        return Features(pooled=maps.mean(dim=(2, 3)), maps=[maps])


def _net(widths: tuple[int, ...] = WIDTHS) -> nn.Sequential:
    net = nn.Sequential()
    for place, (before, width) in enumerate(zip((1, *widths), widths, strict=False)):
        block = [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.GroupNorm(8, width), nn.ReLU(), nn.MaxPool2d(2)]
        net.add_module(f"block{place + 1}", nn.Sequential(*block))
    return net
