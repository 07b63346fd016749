"""Specific-layer transfer: the named stages or layers learn, the rest stays (Yosinski et al. 2014, arXiv:1411.1792)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.errors import first_few
from headstart.core.types import Defaults, ParamGroup, Tuning
from headstart.models.model import Model
from headstart.strategies._groups import head_group
from headstart.strategies._names import fits, none_fits, with_parents
from headstart.strategies._rates import PARTLY


@dataclass(frozen=True)
class Layers:
    """What fits one of the patterns `layers` learns, and the head `head_lr` times faster.

    A pattern (* ? [abc]) names a stage ("layer4"), a module ("blocks.3.attn") or a parameter
    ("*.qkv.weight"); a parameter's leading "net." may be left out.
    """

    layers: tuple[str, ...] = ("*",)
    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = PARTLY

    def prepare(self, model: Model) -> Tuning:
        """Let what is named and the heads learn. UsageError: a pattern fits no stage, module or parameter."""
        backbone = model.backbone
        parameters = dict(backbone.named_parameters())
        stage_of = {name: stage for stage, names in backbone.stages().items() for name in names}

        def chosen(pattern: str, name: str) -> bool:
            spellings = (name, name.removeprefix("net."))
            return any(fits(pattern, n) for n in spellings) or fits(pattern, stage_of.get(name, ""))

        for pattern in self.layers:
            if not any(chosen(pattern, name) for name in parameters):
                stages = list(backbone.stages())
                names = [*stages, *with_parents([name.removeprefix("net.") for name in parameters])]
                raise none_fits(f"layers, {backbone.card.name}", pattern, names, [f"the stages {first_few(stages)}"])
        learning = [p for name, p in parameters.items() if any(chosen(pattern, name) for pattern in self.layers)]
        return Tuning([ParamGroup(learning), head_group(model, self.head_lr)])
