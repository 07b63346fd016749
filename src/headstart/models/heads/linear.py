"""One linear layer on the pooled features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from headstart.core.types import Labels, Solved, Solving, Target
from headstart.models.model import Head
from headstart.models.pooling import Pooling


@dataclass(frozen=True)
class Linear:
    """One linear layer on the pooled features.

    pooling: "auto" takes the backbone's own pooled features, "cls" the class token, "mean" the mean over the
    other ones (of texts: the first token, and the mean over all).
    """

    pooling: Pooling = "auto"

    def build(self, dim: int, target: Target) -> Head:
        """Make the head for features of width `dim`. Small first weights: the first loss is that of an even guess."""
        layer = nn.Linear(dim, target.outputs)
        nn.init.trunc_normal_(layer.weight, std=0.01)
        nn.init.zeros_(layer.bias)
        return LinearHead(layer, target, self.pooling)


class LinearHead(Head):
    """A head whose optimum the target's output knows how to find."""

    def solves(self, wanted: Solving) -> bool:
        """Return whether the target's loss has a solver."""
        return self.output.solves(wanted)

    def solve(self, features: np.ndarray, labels: Labels, wanted: Solving) -> Solved:
        """Take the weights of the penalised optimum, the penalty chosen by cross-validation unless `wanted` has it."""
        found = self.output.solve(features, labels, wanted)
        layer: Any = self.trunk
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(found.weight))
            layer.bias.copy_(torch.from_numpy(found.bias))
        return Solved(found.note, found.out_of_fold, found.chosen)

    def precede(self, matrix: np.ndarray, offset: np.ndarray) -> None:
        """Take the map [D, D] and [D] up into the layer, which nothing comes before."""
        layer: Any = self.trunk
        with torch.no_grad():
            weight = layer.weight.double().cpu().numpy()
            layer.bias.add_(torch.from_numpy(weight @ offset))
            layer.weight.copy_(torch.from_numpy(weight @ matrix))
