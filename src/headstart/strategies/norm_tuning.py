"""Norm tuning: only the scales and shifts of norm layers and the head learn (Frankle et al. 2020, arXiv:2003.00152)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.errors import UsageError
from headstart.core.types import Defaults, ParamGroup, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import head_group


@dataclass(frozen=True)
class NormTuning:
    """The scales and shifts of all norm layers learn, and the head `head_lr` times as fast.

    A norm layer is known by its class's name (LayerNorm, BatchNorm2d, RmsNorm …). Batch norm also
    updates its statistics, as in the paper.
    """

    head_lr: float = 1.0
    defaults: ClassVar[Defaults] = Defaults(lr=1e-2, epochs=8)

    def prepare(self, model: Model) -> Tuning:
        """Let the norm layers' own parameters and the heads learn. UsageError: the backbone has no norm layer with
        parameters.
        """
        norms = [module for module in model.backbone.modules() if "norm" in type(module).__name__.lower()]
        affine = [p for module in norms for p in module.parameters(recurse=False) if p.ndim == 1]
        if not affine:
            raise UsageError(
                f"norm_tuning needs norm layers with parameters; {model.backbone.card.name} has none. "
                "Use bitfit or lora."
            )
        return Tuning([ParamGroup(affine), head_group(model, self.head_lr)])
