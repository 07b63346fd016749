"""Which parameters learn: a strategy's groups, with what surgery freezes and unfreezes by name on top of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from torch import nn

from headstart.core.types import ParamGroup, Tuning
from headstart.models.model import Backbone


def apply_freezes(backbone: Backbone, groups: Sequence[ParamGroup]) -> list[ParamGroup]:
    """Take out of a strategy's groups what surgery froze, and add what it lets learn.

    Args:
        backbone: Says what is overrides.
        groups: The strategy's parameter groups.

    Returns:
        New groups; what is added learns at the stage's rate.
    """
    if not backbone.freeze_overrides:
        return list(groups)
    parameters = dict(backbone.named_parameters())
    overrides = {
        id(parameter): frozen
        for name, parameter in parameters.items()
        if (frozen := frozen_by_surgery(name, backbone.freeze_overrides)) is not None
    }
    kept = [
        dataclasses.replace(group, params=[p for p in group.params if not overrides.get(id(p), False)])
        for group in groups
    ]
    present = {id(p) for group in kept for p in group.params}
    added = [p for p in parameters.values() if overrides.get(id(p)) is False and id(p) not in present]
    return [group for group in [*kept, ParamGroup(added)] if group.params]


def frozen_by_surgery(name: str, overrides: Mapping[str, bool]) -> bool | None:
    """Return what surgery asked of a parameter, and of the numbers from which a strategy computes it.

    Args:
        name: The parameter's name; of a weight that is computed (as in `lora`) "LAYER.parametrizations.weight.PART".
        overrides: The backbone's freeze overrides, by the names before any weight was computed.

    Returns:
        True where it is frozen, False where it learns, None where nothing was asked. To let a computed weight
        learn is to let its original learn.
    """
    layer, computed, rest = name.partition(".parametrizations.")
    if not computed:
        return overrides.get(name)
    tensor, _, part = rest.partition(".")
    frozen = overrides.get(f"{layer}.{tensor}")
    return frozen if frozen or part == "original" else None


def let_learn(model: nn.Module, tuning: Tuning, progress: float = 1.0) -> None:
    """Let exactly the parameters learn whose turn has come at a progress in [0, 1]."""
    learning = {id(p) for group in tuning.groups if group.start <= progress for p in group.params}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in learning)
