"""Optimisers and learning-rate schedules by name, over a strategy's parameter groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from inspect import signature
from typing import Any

import torch

from headstart.core.errors import UsageError, first_few, unknown
from headstart.core.recipe import Stage
from headstart.core.types import ParamGroup

SOLVE = "solve"  # no optimiser: heads are solved (`headstart.engine.solve`)
UNFIT = {
    "lbfgs": "it calls the loss several times in one step",
    "muon": "it takes matrices only, and every network here has vectors too",
    "sparseadam": "it takes sparse gradients only",
}
OPTIONS: dict[str, dict[str, Any]] = {
    "adamw": {"weight_decay": 0.0},  # elsewhere none is the default
    "rmsprop": {"momentum": 0.9},
    "sgd": {"momentum": 0.9, "nesterov": True},
}


@cache
def optimisers() -> dict[str, type[torch.optim.Optimizer]]:
    """Find torch's optimisers that take plain parameter groups, by name in small letters."""
    found = {name.lower(): kind for name, kind in vars(torch.optim).items() if isinstance(kind, type)}
    base = torch.optim.Optimizer
    return {n: k for n, k in sorted(found.items()) if issubclass(k, base) and k is not base and n not in UNFIT}


def check_optimiser(name: str) -> None:
    """Check an optimiser's name.

    Args:
        name: The name in the recipe.

    Raises:
        UsageError: There is none of that name, or it cannot be used here.
    """
    if name in UNFIT:
        raise UsageError(f"The optimiser '{name}' cannot be used: {UNFIT[name]}. Usable: {first_few(optimisers())}.")
    if name not in (*optimisers(), "auto", SOLVE):
        raise unknown("optimiser", name, list(optimisers()))


def make_optimiser(groups: Sequence[ParamGroup], stage: Stage) -> torch.optim.Optimizer:
    """Make the stage's optimiser. Biases and norm scales (one dimension) are not decayed.

    Weight decay is decoupled with every optimiser (Loshchilov & Hutter 2019, arXiv:1711.05101): before each step a
    weight that has a gradient is multiplied by 1 - lr * decay. The coupled form is the stage's `l2`.

    Args:
        groups: What learns.
        stage: Gives `optimiser`, `lr` and `weight_decay`.

    Returns:
        An optimiser whose groups carry `lr_scale` and `decay`; `set_rate` sets their rates.
    """
    assert stage.lr is not None
    made = []
    for group in groups:
        decay = stage.weight_decay if group.weight_decay is None else group.weight_decay
        matrices = [p for p in group.params if p.ndim > 1]
        vectors = [p for p in group.params if p.ndim <= 1]
        for params, amount in ((matrices, decay), (vectors, 0.0)):
            if params:
                made.append({"params": params, "decay": amount, "lr_scale": group.lr_scale, "lr": stage.lr})
    kind: Any = optimisers()[stage.optimiser]
    # Fused: one pass over the memory, in which AdamW's step takes a seventh of the time.
    fused = {"fused": True} if "fused" in signature(kind).parameters else {}
    optimiser: torch.optim.Optimizer = kind(made, **fused, **OPTIONS.get(stage.optimiser, {}))
    optimiser.register_step_pre_hook(_decay)
    return optimiser


@torch.no_grad()
def _decay(optimiser: torch.optim.Optimizer, *_: Any) -> None:
    for group in optimiser.param_groups:
        for parameter in group["params"] if group["decay"] else ():
            if parameter.grad is not None:
                parameter.mul_(1 - group["lr"] * group["decay"])


def set_rate(optimiser: torch.optim.Optimizer, stage: Stage, progress: float, gains: Sequence[bool] = ()) -> float:
    """Set every group's rate for this moment, and return the stage's own rate.

    Args:
        optimiser: One that `make_optimiser` made.
        stage: Gives rate and schedule.
        progress: Fraction of the stage that is done, in [0, 1].
        gains: For each evaluation in this stage so far, whether it was the best.

    Returns:
        The stage's own rate.
    """
    assert stage.lr is not None and stage.steps is not None
    rate = stage.lr * rate_factor(stage.schedule, stage.warmup, progress, 1 / stage.steps)
    if stage.schedule == "plateau":
        rate *= stage.plateau_factor ** plateaus(gains, stage.plateau_looks)
    for group in optimiser.param_groups:
        group["lr"] = rate * group["lr_scale"]
    return rate


def rate_factor(schedule: str, warmup: float, progress: float, step: float = 0.0) -> float:
    """Return the fraction of the full rate at a progress in [0, 1].

    Rises over the fraction `warmup`, where a step has the rate of its end: the first one, which may be the best, must
    move something. `step` is the fraction of one step. Then
    - "constant" and "plateau" stay (a plateau's falls follow from the evaluations: `plateaus`);
    - "cosine" falls along half a cosine to 0 (Loshchilov & Hutter 2016, arXiv:1608.03983, without restarts);
    - "linear" falls in a line to 0;
    - "one_cycle" rises from 1/25 along half a cosine and falls to 1/250,000 (Smith & Topin 2018, arXiv:1708.07120,
      with the shape and bounds that torch and fastai use; the momentum stays as it is).
    """
    done = (progress - warmup) / max(1 - warmup, 1e-12)
    falling = 0.5 * (1 + math.cos(math.pi * done))
    if schedule == "one_cycle":
        start, end = 1 / 25, 1 / 250_000
        if progress < warmup:
            return start + (1 - start) * 0.5 * (1 - math.cos(math.pi * progress / warmup))
        return end + (1 - end) * falling
    if progress < warmup:
        return min(1.0, (progress + step) / warmup)
    return {"constant": 1.0, "plateau": 1.0, "linear": 1 - done, "cosine": falling}[schedule]


def plateaus(gains: Sequence[bool], patience: int) -> int:
    """Count how often the score stood still for so many evaluations in a row; each counts for one plateau only."""
    count = still = 0
    for gain in gains:
        still = 0 if gain else still + 1
        if still == patience:
            count, still = count + 1, 0
    return count
