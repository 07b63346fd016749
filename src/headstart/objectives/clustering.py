"""SwAV: the cluster of one view is to be told from the other (Caron et al. 2020, arXiv:2006.09882, eq. 1 to 5).

Clusters are directions that learn along. Rows are assigned so that all clusters are as large (Sinkhorn's iterations),
and a view learns the assignment of the other. Rows of earlier steps are assigned along, so that a small batch need not
fill all clusters (section 4.1). Deviations: they are from the first step on, and both views are assigned together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from headstart.models.model import Model
from headstart.objectives._pretraining import Pretraining


@dataclass(frozen=True)
class Clustering(Pretraining):
    """Learn to tell the cluster of a row in one view from its other view; no label is read.

    Attributes:
        clusters: How many; a few for each class that there may be.
        sharpness: Divides the similarities where rows are assigned: near 0 each row is of one cluster.
        memory: Projections of earlier steps that are assigned along.
    """

    clusters: int = 30
    sharpness: float = 0.05
    memory: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sharpness <= 0:
            raise ValueError(f"sharpness must be above 0; it is {self.sharpness}.")
        if self.clusters < 2:
            raise ValueError(f"clusters must be at least 2; it is {self.clusters}.")
        if self.memory < 0:
            raise ValueError(f"memory must be 0 or more; it is {self.memory}.")

    def modules(self, model: Model) -> nn.Module:
        """Make the projection, the clusters and the memory. UsageError: the features are to stay."""
        return Clusters(super().modules(model), self.clusters, self.dim, self.memory)

    def compare(self, extra: Any, one: torch.Tensor, other: torch.Tensor, ids: Sequence[str]) -> torch.Tensor:
        """Compute the mean cross-entropy of each view's answer with the assignment of the other, [B, dim] each."""
        both = torch.cat([one, other])
        scores = extra.scores(both)
        with torch.no_grad():
            known = torch.cat([scores, extra.scores(extra.remembered())])
            assigned = sinkhorn(known, self.sharpness)[: len(both)]
            extra.remember(both)
        return functional.cross_entropy(scores / self.temperature, assigned.roll(len(one), dims=0))


def sinkhorn(scores: torch.Tensor, sharpness: float, rounds: int = 3) -> torch.Tensor:
    """Assign rows to clusters that are as large.

    Args:
        scores: Of each row for each cluster, [N, K].
        sharpness: Divides them.
        rounds: Of levelling the clusters, then the rows.

    Returns:
        Shares [N, K] ≥ 0: those of a row sum to 1, and those of a cluster, with enough rounds, to N / K.
    """
    logs = scores / sharpness
    for _ in range(rounds):
        logs = (logs - logs.logsumexp(dim=0)).log_softmax(dim=1)
    return logs.exp()


class Clusters(nn.Module):
    """The projection, a direction for each cluster, and the projections of the last rows; saved with each step."""

    rows: torch.Tensor
    count: torch.Tensor

    def __init__(self, projection: nn.Module, clusters: int, dim: int, memory: int) -> None:
        super().__init__()
        self.projection = projection
        self.directions = nn.Parameter(torch.randn(clusters, dim))
        self.register_buffer("rows", torch.zeros(memory, dim))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:  # [B, D] -> [B, dim]
        return self.projection(pooled)

    def scores(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the cosine of each row, of length 1, with each direction: [B, dim] to [B, K]."""
        return rows @ functional.normalize(self.directions).T

    def remembered(self) -> torch.Tensor:
        """Return the last rows, the newest first, [≤ memory, dim]."""
        return self.rows[: int(self.count)]

    def remember(self, rows: torch.Tensor) -> None:
        """Take rows in, [B, dim], and forget the oldest ones."""
        self.rows.copy_(torch.cat([rows, self.rows])[: len(self.rows)])
        self.count.add_(len(rows)).clamp_(max=len(self.rows))
