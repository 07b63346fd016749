"""Batch norms that learn, and their stored averages, which may follow the rows of one domain alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.models.model import Model


def learning_norms(model: Model, objective: str) -> list[nn.Module]:
    """Find the norms that store averages over batches.

    Args:
        model: Its strategy has decided what learns.
        objective: Who needs them, for the message.

    Returns:
        The modules.

    Raises:
        UsageError: None of them learns.
    """
    norms = [m for m in model.backbone.modules() if isinstance(getattr(m, "running_mean", None), torch.Tensor)]
    if any(parameter.requires_grad for norm in norms for parameter in norm.parameters()):
        return norms
    raise UsageError(
        f"{objective} needs batch norm that learns, and with this strategy {model.backbone.card.name} has none. "
        "Use the strategy full, a source with batch norm, or an objective that leaves batch norm alone (dann, dan)."
    )


@contextmanager
def averages_kept(model: Model, objective: str) -> Iterator[None]:
    """Leave the stored averages of batch norm alone inside the block. UsageError: as `learning_norms`."""
    buffers: list[Any] = [
        buffer for norm in learning_norms(model, objective) for buffer in (norm.running_mean, norm.running_var)
    ]
    kept = [buffer.clone() for buffer in buffers]
    yield
    for buffer, own in zip(buffers, kept, strict=True):
        buffer.data.copy_(own)  # unseen by autograd: in training no gradient is made of averages
