"""Deep adaptation networks: equal means of the features in a kernel's space (Long et al. 2015, arXiv:1502.02791).

Their eq. 1, 2 and 4, on the pooled features, with kernels of equal weight and all pairs of rows of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from headstart.models.model import Model
from headstart.objectives._domains import Alignment, Side
from headstart.objectives._kernels import gaussian_kernel, mmd


@dataclass(frozen=True)
class Dan(Alignment):
    """Minimise the task's loss on `source`, and the maximum mean discrepancy of the features (MK-MMD) to `target`."""

    couples_rows: ClassVar[bool] = True

    def align(self, model: Model, extra: Any, source: Side, target: Side, strength: float) -> torch.Tensor:
        """Compute the squared discrepancy of the features."""
        return mmd(gaussian_kernel(torch.cat([source.pooled, target.pooled])), len(source.pooled))
