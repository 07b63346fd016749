"""Take over the weights of some layers only, the others start at random: specific-layer transfer.

Yosinski et al. 2014, arXiv:1411.1792, section 2: base networks of which n layers are copied and the rest is random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import torch

from headstart.core.errors import SourceError, first_few
from headstart.models.layers import find_tensors
from headstart.models.load import load_source, rebuild
from headstart.models.operate import Body


@dataclass(frozen=True)
class LoadLayers:
    """Take over the weights of the layers that `layers` names, by pattern; the rest starts at random.

    source: another source whose weights are taken, such as local:FOLDER/NAME, into the network as it is; by default
    the network's own. mismatched: what happens to tensors of another shape: an error, or a random start and a warning.
    """

    structural: ClassVar[bool] = False
    layers: tuple[str, ...] = ("*",)
    source: str | None = None
    mismatched: Literal["error", "random"] = "error"

    def apply(self, body: Body) -> Self:
        """Load random weights and over them those that were named. UsageError: a pattern fits no tensor. SourceError:
        named tensors have another shape in the source, or none of them is there.
        """
        backbone = body.backbone
        own = backbone.state_dict()
        given = own if self.source is None else load_source(self.source).state_dict()
        where = self.source or backbone.card.name
        named = find_tensors(backbone, list(own), self.layers, "load_layers")
        wrong = [name for name in named if name in given and given[name].shape != own[name].shape]
        missing = [name for name in named if name not in given]
        matched = [name for name in named if name in given and name not in set(wrong)]
        shapes = [f"{n}: {list(given[n].shape)} in the source, {list(own[n].shape)} needed" for n in wrong]
        if wrong and self.mismatched == "error":
            raise SourceError(
                f"load_layers: {len(wrong)} tensors of {where} do not fit:\n  "
                + first_few(shapes, "\n  ")
                + "\nName fewer layers, or set mismatched=random so that these start at random."
            )
        if not matched:
            raise SourceError(f"load_layers: {where} has none of the {len(named)} tensors: {first_few(named)}")
        start: dict[str, torch.Tensor] = rebuild(backbone.card).state_dict()
        backbone.load_state_dict({**start, **{name: given[name] for name in matched}})
        if self.source is not None or len(matched) < len(own):
            body.drop_classifier("load_layers")
        values = {"matched": matched, "missing": missing, "mismatched": wrong}
        body.note(
            f"load_layers: {len(matched)} of {len(own)} tensors taken over from {where}, the others start at random",
            **values,
        )
        if missing:
            body.warn(f"load_layers: not in {where}, started at random: {first_few(missing)}", **values)
        if wrong:
            body.warn(f"load_layers: of another shape, started at random: {first_few(shapes, '; ')}", **values)
        return self
