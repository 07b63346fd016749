"""Freeze and unfreeze by name on top of any strategy: surgery's `freeze` and `unfreeze`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from headstart.core.types import ParamGroup
from headstart.models.model import Backbone


def hold(backbone: Backbone, groups: Sequence[ParamGroup]) -> list[ParamGroup]:
    """Take out of a strategy's groups what surgery froze, and add what it lets learn.

    Args:
        backbone: Says what is held.
        groups: Of the strategy.

    Returns:
        New groups; what is added learns at the stage's rate.
    """
    if not backbone.held:
        return list(groups)
    parameters = dict(backbone.named_parameters())
    held = {
        id(parameter): frozen
        for name, parameter in parameters.items()
        if (frozen := held_as(name, backbone.held)) is not None
    }
    kept = [
        dataclasses.replace(group, params=[p for p in group.params if not held.get(id(p), False)]) for group in groups
    ]
    present = {id(p) for group in kept for p in group.params}
    added = [p for p in parameters.values() if held.get(id(p)) is False and id(p) not in present]
    return [group for group in [*kept, ParamGroup(added)] if group.params]


def held_as(name: str, held: Mapping[str, bool]) -> bool | None:
    """Say what surgery asked of a parameter, and of the numbers from which a strategy computes it.

    Args:
        name: The parameter's name; of a weight that is computed (as in `lora`) "LAYER.parametrizations.weight.PART".
        held: Of the backbone, by the names before any weight was computed.

    Returns:
        True where it is frozen, False where it learns, None where nothing was asked. To let a computed weight
        learn is to let its original learn.
    """
    layer, computed, rest = name.partition(".parametrizations.")
    if not computed:
        return held.get(name)
    tensor, _, part = rest.partition(".")
    frozen = held.get(f"{layer}.{tensor}")
    return frozen if frozen or part == "original" else None
