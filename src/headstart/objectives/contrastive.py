"""SimCLR: a view of a row is to find the other view among the batch (Chen et al. 2020, arXiv:2002.05709, eq. 1).

With `view=plain` and a text network the two views differ by dropout alone: SimCSE (Gao et al. 2021, arXiv:2104.08821).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from headstart.objectives._pretraining import Pretraining


@dataclass(frozen=True)
class Contrastive(Pretraining):
    """Contrast two views of each row with all other rows of the batch; no label is read."""

    def compare(self, extra: Any, one: torch.Tensor, other: torch.Tensor, ids: Sequence[str]) -> torch.Tensor:
        """Compute the normalised, temperature-scaled cross-entropy."""
        return nt_xent(one, other, self.temperature, ids)


def nt_xent(one: torch.Tensor, other: torch.Tensor, temperature: float, ids: Sequence[str]) -> torch.Tensor:
    """Compute NT-Xent: the mean cross-entropy of finding a row's other view among those of other rows.

    Args:
        one: One view, rows of length 1, [B, D].
        other: The other view of the same rows.
        temperature: Divides the similarities.
        ids: Names of the rows; one that comes twice in the batch is not to be told apart from itself.

    Returns:
        A scalar.
    """
    both = torch.cat([one, other])
    similar = both @ both.T / temperature  # [2B, 2B]
    row = torch.from_numpy(np.unique(np.asarray(ids), return_inverse=True)[1]).to(both.device).repeat(2)
    partner = torch.arange(len(both), device=both.device).roll(len(one))
    same = (row == row.unsqueeze(1)).scatter(1, partner.unsqueeze(1), False)
    return functional.cross_entropy(similar.masked_fill(same, -torch.inf), partner)
