"""Take layers out; what they got is passed on as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from headstart.core.errors import UsageError, first_few
from headstart.models.dryrun import show
from headstart.models.layers import Removed, find, put
from headstart.models.operate import Body


@dataclass(frozen=True)
class Remove:
    """Take out the layers that `layers` names, a name or a pattern. Only layers that keep the shape can go."""

    structural: ClassVar[bool] = True
    layers: str = ""

    def apply(self, body: Body) -> Self:
        """Put `Removed` in the place of each. UsageError: no layer fits, or one changes the shape."""
        found = find(body.backbone, self.layers, body.trace, "remove")
        called = [name for name in found if name in body.trace.calls]
        if not called:
            raise UsageError(f"remove: {first_few(found)} is not called when the network runs; name layers inside it.")
        for name in called:
            call = body.trace.calls[name]
            if call.got != call.gave:
                raise UsageError(
                    f"remove: the layer '{name}' makes {show(call.gave)} of {show(call.got)}, and what follows needs "
                    f"{show(call.gave)}. Take out layers that keep the shape, replace it, or cut the network there."
                )
            put(body.backbone, name, Removed(as_tuple=call.as_tuple))
        body.note(f"removed {first_few(called)}")
        return self
