"""Boosted trees on the pooled features: for columns of a table. Solved, not trained by steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from headstart.core.types import Labels, Solved, Solving, Target
from headstart.models.model import Head
from headstart.models.pooling import Pooling
from headstart.models.weights import AnyShape
from headstart.solvers.boosting import Trees, boost

MOST_PLACES = 2**24  # rows times trees that are followed at once


@dataclass(frozen=True)
class Boosting:
    """Boosted trees on the pooled features: for columns of a table. Solved, not trained by steps.

    pooling: "auto" takes the backbone's own pooled features, "cls" the class token, "mean" the mean over the
    other ones (of texts: the first token, and the mean over all).
    """

    pooling: Pooling = "auto"

    def build(self, dim: int, target: Target) -> Head:
        """Make the head for features of any width. Without trees its first loss is that of an even guess."""
        return BoostedHead(Forest(target.outputs), target, self.pooling)


class Forest(AnyShape):
    """Trees as tensors (`headstart.solvers.boosting.Trees`), whose answers are added up."""

    feature: torch.Tensor
    threshold: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor
    missing: torch.Tensor
    value: torch.Tensor
    output: torch.Tensor
    depth: torch.Tensor

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.zeros(outputs))
        for name in ("feature", "left", "right"):
            self.register_buffer(name, torch.zeros(0, 1, dtype=torch.int32))
        for name in ("threshold", "value"):
            self.register_buffer(name, torch.zeros(0, 1))
        self.register_buffer("missing", torch.zeros(0, 1, dtype=torch.bool))
        self.register_buffer("output", torch.zeros(0, dtype=torch.int32))
        self.register_buffer("depth", torch.zeros((), dtype=torch.int32))

    @torch.no_grad()
    def take(self, trees: Trees) -> None:
        """Take other trees, of any number and size."""
        device = self.start.device
        for name in ("feature", "threshold", "left", "right", "missing", "value", "output"):
            setattr(self, name, torch.from_numpy(getattr(trees, name)).to(device))
        self.depth.fill_(trees.depth)
        self.start.copy_(torch.from_numpy(trees.start))

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [B, D] to [B, outputs]
        trees = len(self.output)
        most = max(1, MOST_PLACES // max(1, trees))
        return torch.cat([self._answer(part) for part in x.float().split(most)])

    def _answer(self, x: torch.Tensor) -> torch.Tensor:
        rows, (trees, width) = len(x), self.value.shape
        first = torch.arange(trees, device=x.device) * width  # of each tree's nodes, all in one row
        place = first.expand(rows, trees)
        feature, threshold, missing = self.feature.flatten().long(), self.threshold.flatten(), self.missing.flatten()
        left, right = self.left.flatten().long(), self.right.flatten().long()
        for _ in range(int(self.depth)):
            number = x.gather(1, feature[place])  # [B, trees]
            goes_left = torch.where(number.isnan(), missing[place], number <= threshold[place])
            place = first + torch.where(goes_left, left[place], right[place])
        out = self.start.float().expand(rows, -1)
        return out.index_add(1, self.output.long(), self.value.flatten()[place])


class BoostedHead(Head):
    """A head of trees, which the target's output knows what to fit to."""

    learns_by_steps: ClassVar[bool] = False
    trunk: Forest

    def solves(self, wanted: Solving) -> bool:
        """Return whether trees can be grown for this loss: with hard labels, if the target's loss has a solver."""
        return self.output.solves(wanted) and not wanted.options.label_smoothing

    def solve(self, features: np.ndarray, labels: Labels, wanted: Solving) -> Solved:
        """Take trees whose number and size were chosen by cross-validation."""
        told, shift = self.output.for_trees(labels, wanted)
        found = boost(features, told, seed=wanted.seed, groups=wanted.groups)
        self.trunk.take(found.trees._replace(start=(found.trees.start - shift).astype(np.float32)))
        return Solved(found.note, found.out_of_fold - shift)
