"""Put another kind of layer in the place of layers: an activation, a norm, a pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from torch import nn

from headstart.core.errors import UsageError, first_few
from headstart.models.layers import find, put
from headstart.models.operate import Body
from headstart.models.surgery._blocks import POOLINGS, make_layer, make_pooling
from headstart.models.taps import maps_first


@dataclass(frozen=True)
class Replace:
    """Put `by` in the place of the layers that `layers` names, a name or a pattern. New weights start fresh.

    by: identity, dropout, linear, relu, gelu, silu, tanh, batch_norm, layer_norm, group_norm; or, for a pooling over
    whole maps, avg_pool, max_pool, avg_max_pool, flatten. width: the outputs of "linear". rate: the rate of "dropout".
    A classifier by Flatten-Dense-Dropout-Dense is `by=flatten` on the pooling, with the head mlp.
    """

    structural: ClassVar[bool] = True
    layers: str = ""
    by: str = "identity"
    width: int | None = None
    rate: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise ValueError(f"rate must be in [0, 1), not {self.rate}.")

    def apply(self, body: Body) -> Self:
        """Put the new layers in place. UsageError: no layer fits, or `by` does not go with the shape there."""
        found = find(body.backbone, self.layers, body.trace, "replace")
        called = [name for name in found if name in body.trace.calls]
        if not called:
            raise UsageError(f"replace: {first_few(found)} is not called when the network runs; name layers inside it.")
        for name in called:
            put(body.backbone, name, self._make(body, name))
        body.note(f"replaced {first_few(called)} by {self.by}")
        return self

    def _make(self, body: Body, name: str) -> nn.Module:
        call, what = body.trace.calls[name], f"replace {name}"
        if self.by in POOLINGS:
            return make_pooling(self.by, call.got, call.gave, what=what)
        maps, width = maps_first(body.backbone, body.trace, call.got, call.start), self.width
        if self.by == "linear" and width is None and len(call.gave) == len(call.got):
            width = call.gave[1] if maps else call.gave[-1]
        return make_layer(self.by, call.got, width=width, rate=self.rate, maps=maps, what=what)
