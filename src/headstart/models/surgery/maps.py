"""Let a network give the maps of several resolutions, as decoders read them, and not those of its last layer alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any, ClassVar, Self

import torch
from torch import nn

from headstart.core.errors import UsageError, first_few
from headstart.core.types import Features
from headstart.models.dryrun import root, show
from headstart.models.layers import get
from headstart.models.model import Backbone
from headstart.models.operate import Body
from headstart.models.surgery._around import inner_forward, set_inner_forward
from headstart.models.taps import first, maps_first, stage_modules

Level = tuple[str, bool]  # the layer that ends the stages of one resolution; whether it gives [B, C, H, W]


@dataclass(frozen=True)
class Maps:
    """Give the maps of several resolutions, fine to coarse: of each what its last stage gives.

    finest: the least stride of maps, in pixels of the input: finer ones are left out, as they cost most and mean
    least.
    """

    structural: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = True
    finest: int = 4

    def apply(self, body: Body) -> Self:
        """Take the maps along on the way through the network. UsageError: its stages give none."""
        backbone, trace = body.backbone, body.trace
        names = {module: name for name, module in root(backbone)[0].named_modules()}
        side = getattr(backbone.card.input, "height", 0)
        levels: dict[int, Level] = {}
        shapes: dict[int, str] = {}
        for module in stage_modules(backbone).values():
            call = trace.calls.get(names.get(module, ""))
            if call is None or len(call.gave) != 4 or call.times > 1:
                continue
            laid = maps_first(backbone, trace, call.gave, call.end)
            height = call.gave[2 if laid else 1]
            if height * self.finest <= side + self.finest - 1:
                levels[height] = names[module], laid
                shapes[height] = f"{names[module]} {show(call.gave)}"
        if not levels or not (trace.features or {}).get("maps"):
            raise UsageError(
                f"maps: {backbone.card.name} gives no maps [B, C, H, W] at its end. Take a network of convolutions."
            )
        order = sorted(levels, reverse=True)
        set_inner_forward(backbone, Along(backbone, inner_forward(backbone), [levels[height] for height in order]))
        body.note(f"maps of {len(order)} resolutions: {first_few(shapes[height] for height in order)}")
        return self


class Along:
    """Stands in the place of a backbone's method `forward` and adds the maps of some layers to what that gives.

    Args:
        backbone: The network.
        inner: What stood there before, such as a cut's; None is the class's own.
        levels: The layers, fine to coarse.
    """

    def __init__(self, backbone: Backbone, inner: Callable[[Any], Features] | None, levels: Sequence[Level]) -> None:
        self.backbone, self.inner, self.levels = backbone, inner, levels

    @property
    def __code__(self) -> CodeType:
        """Where it was written, which `torch.export` asks of a forward pass."""
        return type(self).__call__.__code__

    def __call__(self, x: Any) -> Features:
        """Compute the features, with the maps of all levels."""
        found: list[torch.Tensor] = []

        def note(module: nn.Module, inputs: Any, output: Any) -> None:
            found.append(first(output))

        # set anew each time, so that they come after the hooks of layers inserted or adapted here
        handles = [get(self.backbone, layer).register_forward_hook(note) for layer, _ in self.levels]
        try:
            inner = self.inner or type(self.backbone).forward.__get__(self.backbone)
            features = inner(x)
        finally:
            for handle in handles:
                handle.remove()
        laid = [
            maps if whole else maps.permute(0, 3, 1, 2) for maps, (_, whole) in zip(found, self.levels, strict=True)
        ]
        features["maps"] = laid
        return features
