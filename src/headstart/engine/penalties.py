"""What is added to an objective's losses at each update: the strategy's penalty, the stage's L1 and L2 penalties."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from headstart.core.recipe import Stage
from headstart.core.types import Tuning


def penalties(tuning: Tuning, learning: Sequence[nn.Parameter], stage: Stage) -> dict[str, torch.Tensor]:
    """Compute the penalties on weights, by name.

    Args:
        tuning: May have a penalty of its own.
        learning: What this update moves; as with weight decay, only its matrices and kernels are penalised.
        stage: Gives `l1` (times the sum of |w|; Tibshirani 1996, the lasso) and `l2` (times half the sum of w squared;
            unlike `weight_decay`, which is decoupled, it passes through the optimiser).

    Returns:
        Scalars; only those that are asked for.
    """
    found: dict[str, torch.Tensor] = {}
    if tuning.penalty is not None:
        found["penalty"] = tuning.penalty()
    matrices = [p for p in learning if p.ndim > 1] if stage.l1 or stage.l2 else []
    if stage.l1 and matrices:
        found["l1"] = stage.l1 * torch.stack([p.abs().sum() for p in matrices]).sum()
    if stage.l2 and matrices:
        found["l2"] = stage.l2 / 2 * torch.stack([p.square().sum() for p in matrices]).sum()
    return found
