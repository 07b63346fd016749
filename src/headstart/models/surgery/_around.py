"""What stands in the place of a backbone's `forward` and calls what stood there before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headstart.core.types import Features
from headstart.models.model import Backbone


class Around:
    """Stands in the place of a backbone's method `forward`.

    Args:
        backbone: The network.
        inner: What stood there before, such as a cut's; None is the class's own.
    """

    def __init__(self, backbone: Backbone, inner: Callable[[Any], Features] | None) -> None:
        self.backbone, self.inner = backbone, inner

    def within(self, x: Any) -> Features:
        """Call what stood there before."""
        return type(self.backbone).forward(self.backbone, x) if self.inner is None else self.inner(x)


def forward_of(backbone: Backbone) -> Any:
    """Return what stands in the place of the class's `forward`; None without any."""
    return vars(backbone).get("forward")


def set_forward(backbone: Backbone, forward: Callable[[Any], Features]) -> None:
    """Put something in the place of the class's `forward`."""
    object.__setattr__(backbone, "forward", forward)


def inner_forward(backbone: Backbone) -> Any:
    """Return what earlier surgery put in the place of the class's `forward`, below all that is around it; or None."""
    forward = forward_of(backbone)
    while isinstance(forward, Around):
        forward = forward.inner
    return forward


def set_inner_forward(backbone: Backbone, forward: Callable[[Any], Features]) -> None:
    """Put something in the place of the class's `forward`, below all that is around it."""
    around = forward_of(backbone)
    if not isinstance(around, Around):
        set_forward(backbone, forward)
        return
    while isinstance(around.inner, Around):
        around = around.inner
    around.inner = forward
