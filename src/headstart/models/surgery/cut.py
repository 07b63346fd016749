"""Cut a network off after a layer: the features are what that layer gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from headstart.core.errors import UsageError
from headstart.core.types import Features, Prefix
from headstart.models.dryrun import show
from headstart.models.hidden import Pool, features_at, prefix_at
from headstart.models.layers import Removed, find_one, get, put
from headstart.models.model import Backbone
from headstart.models.operate import Body
from headstart.models.surgery._around import set_inner_forward
from headstart.models.taps import maps_first


@dataclass(frozen=True)
class Cut:
    """Keep the network up to and with the layer or stage `after`; what comes later is taken out.

    pool: how the layer's output becomes features. "auto" is the mean over maps, and over tokens what the network
    itself does; "mean" and "max" of an image leave its class and register tokens out; "flatten" keeps every number, as
    Flatten-Dense classifiers (VGG) have it; "cls" is the class token, of a text the first token.
    """

    structural: ClassVar[bool] = True
    after: str = ""
    pool: Pool = "auto"

    def apply(self, body: Body) -> Self:
        """Stop the forward pass at the layer, and take out what it no longer reaches. UsageError: there is no such
        layer, or its output is no tensor with 2, 3 or 4 axes.
        """
        backbone = body.backbone
        name = find_one(backbone, self.after, body.trace, "cut")
        call = body.trace.calls[name]
        if len(call.gave) not in (2, 3, 4) or (self.pool == "cls" and len(call.gave) != 3):
            needs = "tokens [B, T, D]" if self.pool == "cls" else "[B, D], [B, T, D] or [B, C, H, W]"
            raise UsageError(f"cut: the layer '{name}' gives {show(call.gave)}; pool={self.pool} needs {needs}.")
        tokens = len(call.gave) == 3
        if tokens and self.pool == "flatten" and backbone.card.input.ragged:
            many = backbone.card.input.plural
            raise UsageError(f"cut: pool=flatten needs inputs of one length, and {many} differ. Use mean, max or cls.")
        prefix = prefix_at(backbone, call.gave)
        if self.pool == "cls" and prefix is not None and prefix[:1] != ("class",) and not body.replaying:
            raise UsageError(f"cut: the layer '{name}' gives patches alone, without a class token. Use mean.")
        later = [n for n, c in body.trace.calls.items() if c.start > call.end]
        for other in (n for n in later if not any(n.startswith(f"{o}.") for o in later)):
            put(backbone, other, Removed())
        maps = maps_first(backbone, body.trace, call.gave, call.end)
        set_inner_forward(backbone, Until(backbone, name, self.pool, maps=maps, prefix=prefix))
        body.drop_classifier("cut")
        body.note(f"cut after {name}: its output {show(call.gave)} is the features")
        return self


class _Reached(Exception):
    """The layer was reached; `output` is what it gave."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


class Until:
    """Stands in the place of a backbone's method `forward`, which would run on to the end.

    Args:
        backbone: The network.
        layer: The name of the layer to run until.
        pool: How its output becomes features.
        maps: Whether that output is [B, C, H, W], where it has four axes.
        prefix: What the first tokens of that output are, as in `Features`; None of a text.
    """

    def __init__(self, backbone: Backbone, layer: str, pool: Pool, *, maps: bool, prefix: Prefix | None) -> None:
        self.backbone, self.layer, self.maps, self.prefix = backbone, layer, maps, prefix
        self.pool: Pool = pool

    def __call__(self, x: Any) -> Features:
        """Compute the features: run until the layer, then pool."""
        # set anew each time, so that it comes after the hooks of layers inserted or adapted here
        handle = get(self.backbone, self.layer).register_forward_hook(_stop)
        try:
            type(self.backbone).forward(self.backbone, x)
        except _Reached as reached:
            return features_at(self.backbone, reached.output, x, maps=self.maps, prefix=self.prefix, kind=self.pool)
        finally:
            handle.remove()
        raise AssertionError(f"the layer '{self.layer}' was not reached")


def _stop(module: nn.Module, inputs: Any, output: Any) -> None:
    raise _Reached(output)
