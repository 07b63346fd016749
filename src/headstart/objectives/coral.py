"""Deep CORAL: equal covariances of both domains (Sun & Saenko 2016, arXiv:1607.01719).

Their eq. 1 to 3: the squared Frobenius distance of the covariances, over 4 d^2. It is taken of the heads' outputs, the
last layer, as in their section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from headstart.models.model import Model, check_pooled
from headstart.objectives._domains import Alignment, Side


@dataclass(frozen=True)
class Coral(Alignment):
    """Minimise the task's loss on `source`, and the distance of the outputs' covariances on `source` and `target`."""

    couples_rows: ClassVar[bool] = True

    def modules(self, model: Model) -> nn.Module:
        """Make nothing. UsageError: heads read more than pooled features, so that outputs are no rows of numbers."""
        check_pooled(model, "coral")
        return super().modules(model)

    def align(self, model: Model, extra: Any, source: Side, target: Side, strength: float) -> torch.Tensor:
        """Compute the distance of the covariances of the outputs."""
        return covariance_distance(source.outputs, target.outputs)


def covariance_distance(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Compute |C_source - C_target|^2 / (4 d^2) of rows [B, d] each; a scalar."""
    return (_covariance(source) - _covariance(target)).square().sum() / (4 * source.shape[1] ** 2)


def _covariance(rows: torch.Tensor) -> torch.Tensor:  # [B, d] -> [d, d]
    centred = rows - rows.mean(dim=0)
    return centred.T @ centred / max(len(rows) - 1, 1)
