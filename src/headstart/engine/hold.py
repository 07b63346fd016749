"""Freeze and unfreeze by name on top of any strategy: surgery's `freeze` and `unfreeze`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

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
    held = {id(parameters[name]): frozen for name, frozen in backbone.held.items() if name in parameters}
    kept = [
        dataclasses.replace(group, params=[p for p in group.params if not held.get(id(p), False)]) for group in groups
    ]
    present = {id(p) for group in kept for p in group.params}
    added = [p for p in parameters.values() if held.get(id(p)) is False and id(p) not in present]
    return [group for group in [*kept, ParamGroup(added)] if group.params]
