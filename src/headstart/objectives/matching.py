"""Matching networks (Vinyals et al. 2016, NeurIPS, arXiv:1606.04080), without full context embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from headstart.objectives._episodes import OfEmbeddings

TINY = 1e-12


@dataclass(frozen=True)
class Matching(OfEmbeddings):
    """Answer episodes by attention to their rows, by the cosine: matching networks (retrieval).

    ways, shots, queries: of an episode; None takes five and fifteen, or what there is. tasks: episodes in a step.
    sharpness: of the cosines before the softmax; 1 in the paper.
    """

    sharpness: float = 10.0

    def logits(self, support: torch.Tensor, queries: torch.Tensor, extra: Any) -> torch.Tensor:
        """Give the logarithm of the attention to the rows of each class (eq. 1, section 2.1.1)."""
        rows = functional.normalize(support.flatten(0, 1), dim=1)
        attention = (self.sharpness * functional.normalize(queries, dim=1) @ rows.T).softmax(dim=1)
        return attention.view(len(queries), *support.shape[:2]).sum(dim=2).clamp(min=TINY).log()
