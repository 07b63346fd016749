"""Statistics of batch norm that are measured anew: those of averaged weights are in no network that was trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.core.types import Batch


def learning_norms(backbone: nn.Module) -> list[_BatchNorm]:
    """Return the batch-norm layers whose stored statistics follow what they are shown."""
    norms = (module for module in backbone.modules() if isinstance(module, _BatchNorm))
    return [norm for norm in norms if norm.training and norm.running_mean is not None]


@torch.no_grad()
def measure_norms(norms: Sequence[_BatchNorm], backbone: nn.Module, rows: Iterable[Batch]) -> None:
    """Give batch-norm layers the mean and variance that rows have there (Izmailov et al. 2018, arXiv:1803.05407).

    Args:
        norms: Of the backbone.
        backbone: Stays in the mode that it is in, but for these layers, which end in evaluation mode.
        rows: In batches, each of which is a mixture of all.
    """
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain average over batches
    for batch in rows:  # they come in evaluation mode
        for norm in norms:
            norm.train()
        if len(batch) > 1:  # one row may have no variance
            backbone(batch.x)
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
        norm.eval()
