"""Parameter groups that several strategies share."""

from __future__ import annotations

from headstart.core.types import ParamGroup
from headstart.models.model import Model


def head_group(model: Model, lr_scale: float = 1.0) -> ParamGroup:
    """Group all parameters of the heads."""
    return ParamGroup(list(model.heads.parameters()), lr_scale)


def backbone_group(model: Model) -> ParamGroup:
    """Group all parameters of the backbone."""
    return ParamGroup(list(model.backbone.parameters()))
