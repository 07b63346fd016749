"""IA3: each output of a layer is rescaled by a number that learns (Liu et al. 2022, arXiv:2205.05638, section 3.3).

The paper rescales keys, values and the inner activations of feed-forward layers. Here the outputs of
all linear and convolution layers are, unless some are named; their biases stay (the paper's have none).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from headstart.core.types import Defaults, Tuning
from headstart.models.model import Model
from headstart.strategies._weights import tune_weights


@dataclass(frozen=True)
class Ia3:
    """W becomes l ⊙ W with one number l for each output, 1 at first; merged at the end.

    `layers` are patterns such as "*.fc1".
    """

    layers: tuple[str, ...] = ("*",)
    defaults: ClassVar[Defaults] = Defaults(lr=1e-2, epochs=8)

    def prepare(self, model: Model) -> Tuning:
        """Let the scales and the heads learn. UsageError: the backbone has no linear or convolution layer, or a
        pattern fits none.
        """
        return tune_weights(model, "ia3", self.layers, Rescaled)


class Rescaled(nn.Module):
    """Multiply a weight by one number for each output."""

    def __init__(self, weight: torch.Tensor, axis: int) -> None:
        super().__init__()
        shape = [1] * weight.ndim
        shape[axis] = weight.shape[axis]
        self.scale = nn.Parameter(torch.ones(shape))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight * self.scale
