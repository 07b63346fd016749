"""Parameter groups that several strategies make."""

from __future__ import annotations

from headstart.core.types import ParamGroup
from headstart.models.model import Model


def head_group(model: Model, lr_scale: float = 1.0) -> ParamGroup:
    """Group all parameters of the heads; those that are the source's are no faster than its other ones."""
    new = all(head.starts_new for head in model.by_target().values())
    return ParamGroup(list(model.heads.parameters()), lr_scale if new else 1.0)


def backbone_group(model: Model) -> ParamGroup:
    """Group all parameters of the backbone."""
    return ParamGroup(list(model.backbone.parameters()))


def stage_groups(model: Model, decay: float) -> list[ParamGroup]:
    """Make a group of each stage, input to output, that learns `decay` times as fast as the one above it."""
    stages = list(model.stage_parameters().values())
    return [ParamGroup(params, decay ** (len(stages) - 1 - place)) for place, params in enumerate(stages)]
