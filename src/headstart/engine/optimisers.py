"""Optimisers and learning-rate schedules by name, over a strategy's parameter groups."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from headstart.core.recipe import Stage
from headstart.core.types import ParamGroup


def make_optimiser(groups: Sequence[ParamGroup], stage: Stage) -> torch.optim.Optimizer:
    """Make the stage's optimiser. Biases and norm scales (one dimension) are not decayed.

    Args:
        groups: What learns.
        stage: Gives `optimiser`, `lr` and `weight_decay`.

    Returns:
        An optimiser whose groups carry `lr_scale`; `set_rate` sets their rates.
    """
    assert stage.lr is not None
    made = []
    for group in groups:
        decay = stage.weight_decay if group.weight_decay is None else group.weight_decay
        matrices = [p for p in group.params if p.ndim > 1]
        vectors = [p for p in group.params if p.ndim <= 1]
        for params, amount in ((matrices, decay), (vectors, 0.0)):
            if params:
                made.append({"params": params, "weight_decay": amount, "lr_scale": group.lr_scale, "lr": stage.lr})
    if stage.optimiser == "sgd":
        return torch.optim.SGD(made, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(made, fused=False)


def set_rate(optimiser: torch.optim.Optimizer, stage: Stage, progress: float) -> float:
    """Set every group's rate for this moment, and return the stage's own rate."""
    assert stage.lr is not None
    rate = stage.lr * rate_factor(stage.schedule, stage.warmup, progress)
    for group in optimiser.param_groups:
        group["lr"] = rate * group["lr_scale"]
    return rate


def rate_factor(schedule: str, warmup: float, progress: float) -> float:
    """Give the share of the full rate at a progress in [0, 1].

    Rises in a line over the share `warmup`, then stays ("constant") or falls along half a cosine
    to 0 (Loshchilov & Hutter 2016, arXiv:1608.03983, without restarts).
    """
    if progress < warmup:
        return progress / warmup
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / max(1 - warmup, 1e-12)))
