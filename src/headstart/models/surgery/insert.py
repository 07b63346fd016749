"""Put a new layer after or before a layer; all other layers keep their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import nn

from headstart.core.errors import UsageError
from headstart.models.dryrun import show
from headstart.models.layers import find_one, get
from headstart.models.operate import Body
from headstart.models.surgery._blocks import make_layer
from headstart.models.taps import maps_first


@dataclass(frozen=True)
class Insert:
    """Put a new layer `after` or `before` a layer or stage. It is named LAYER.inserted or LAYER.inserted_before.

    layer: dropout, linear, relu, gelu, silu, tanh, batch_norm, layer_norm, group_norm. width: outputs of "linear";
    by default as many as inputs, and it then starts as the identity. rate: the rate of "dropout".
    """

    structural: ClassVar[bool] = True
    layer: str = "dropout"
    after: str = ""
    before: str = ""
    width: int | None = None
    rate: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise ValueError(f"rate must be in [0, 1), not {self.rate}.")

    def apply(self, body: Body) -> Self:
        """Register the layer inside its neighbour and let a hook call it. UsageError: there is no such place, or the
        layer does not go with the shape there.
        """
        if bool(self.after) == bool(self.before):
            raise UsageError("insert needs `after` or `before`, and not both: the name of a layer or a stage.")
        what = f"insert {self.layer}"
        name = find_one(body.backbone, self.after or self.before, body.trace, what)
        call = body.trace.calls[name]
        neighbour = get(body.backbone, name)
        # a child of a Sequential would be called by it besides
        while isinstance(neighbour, nn.Sequential) and len(neighbour):
            key = list(neighbour._modules)[-1 if self.after else 0]
            neighbour, name = neighbour.get_submodule(key), f"{name}.{key}"
        shape = call.gave if self.after else call.got
        new = make_layer(
            self.layer,
            shape,
            width=self.width,
            rate=self.rate,
            maps=maps_first(body.backbone, body.trace, shape, call.end if self.after else call.start),
            what=what,
        )
        own = "inserted" if self.after else "inserted_before"
        while own in neighbour._modules:
            own += "_"
        neighbour.add_module(own, new)
        if self.after:  # directly after the layer, before what was inserted there earlier
            neighbour.register_forward_hook(_After(own), prepend=True)
        else:
            neighbour.register_forward_pre_hook(_Before(own), with_kwargs=True)
        body.note(f"inserted {name}.{own}: {self.layer} on {show(shape)}")
        return self


@dataclass(frozen=True)
class _After:
    """Calls the inserted layer on the output. It holds a name and no module, so that a copy calls its own."""

    own: str

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        new = module.get_submodule(self.own)
        return (new(output[0]), *output[1:]) if isinstance(output, tuple) else new(output)


@dataclass(frozen=True)
class _Before:
    """Calls the inserted layer on the first input."""

    own: str

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
        new = module.get_submodule(self.own)
        if inputs:
            return (new(inputs[0]), *inputs[1:]), named
        first = next(iter(named))
        return inputs, {**named, first: new(named[first])}
