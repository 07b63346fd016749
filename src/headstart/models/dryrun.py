"""Run a backbone once on empty examples and note what every layer gets and gives, or which layer failed and why."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from headstart.core.errors import UsageError, reason_of
from headstart.core.types import Features
from headstart.models.model import Backbone, device_of

Shape = tuple[int, ...]
ROWS = 2  # examples in a dry run
FAILURES = (
    RuntimeError,
    TypeError,
    ValueError,
    AssertionError,
    IndexError,
    KeyError,
    AttributeError,
    ZeroDivisionError,
)


@dataclass
class Call:
    """One layer's first call. `start` and `end` count all layers' beginnings and ends; `times` counts its calls.

    `as_tuple` says that its output was a tuple, whose first tensor `gave` is the shape of. `last` says of a layer with
    weights of its own whether it has the channels of maps on the last axis; None of others.
    """

    got: Shape
    start: int
    gave: Shape = ()
    end: int = 0
    times: int = 1
    as_tuple: bool = False
    last: bool | None = None


@dataclass
class Trace:
    """What happened in one dry run: the calls by layer name, in the order of their start, and the features."""

    calls: dict[str, Call] = field(default_factory=dict)
    features: Features | None = None

    def channels_last(self, shape: Shape, until: int) -> bool | None:
        """Return whether maps are [B, H, W, C], by the last layer with weights that gave these maps, or these turned.

        Args:
            shape: Shape of the maps, four axes.
            until: The time at which they were there: the `end` of who gave them, the `start` of who got them.

        Returns:
            None where no layer tells.
        """
        for call in sorted(self.calls.values(), key=lambda call: -call.end):
            if call.last is None or len(call.gave) != 4 or not 0 < call.end <= until:
                continue
            batch, *axes = call.gave
            if call.gave == shape:
                return call.last
            if (batch, *(axes[-1:] + axes[:-1] if call.last else axes[1:] + axes[:1])) == shape:
                return not call.last
        return None


class DryRunError(UsageError):
    """The dry run failed in a layer. `layer` is its name ("" for the whole network), `got` the shape that came."""

    def __init__(self, layer: str, got: Shape, error: Exception) -> None:
        self.layer, self.got = layer, got
        self.reason = reason_of(error)
        super().__init__(f"layer '{layer}' gets {show(got)} and fails: {self.reason}")


def root(backbone: Backbone) -> tuple[nn.Module, str]:
    """Return the module that layer names start from (`net`, where there is one), and the prefix of its parameters."""
    net = getattr(backbone, "net", None)
    return (net, "net.") if isinstance(net, nn.Module) else (backbone, "")


def dry_run(backbone: Backbone) -> Trace:
    """Compute the features of empty examples in evaluation mode, without gradients.

    Args:
        backbone: Is left as it was; it must be on the CPU or one device.

    Returns:
        The calls of all layers.

    Raises:
        DryRunError: A layer failed; the innermost one is named.
    """
    trace, open_layers, clock = Trace(), [], iter(range(10**9))
    top, _ = root(backbone)
    modules = dict(top.named_modules())
    device = device_of(backbone)

    def before(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        got = shape_of((*args, *kwargs.values()))
        open_layers.append((name, got))
        if name in trace.calls:
            trace.calls[name].times += 1
        else:
            trace.calls[name] = Call(got, next(clock), last=_channels_last(modules[name]))

    def after(name: str, output: Any) -> None:
        open_layers.pop()
        call = trace.calls[name]
        if call.times == 1:
            call.gave, call.end, call.as_tuple = shape_of(output), next(clock), isinstance(output, tuple)

    was_training = [module for module in backbone.modules() if module.training]
    backbone.eval()
    with ExitStack() as hooks:
        for name, module in top.named_modules():
            if not name:
                continue
            handles = (
                module.register_forward_pre_hook(lambda _, a, k, n=name: before(n, a, k), with_kwargs=True),
                module.register_forward_hook(lambda _, __, out, n=name: after(n, out)),
            )
            for handle in handles:
                hooks.callback(handle.remove)
        try:
            with torch.no_grad():
                trace.features = backbone(to_device(backbone.card.input.blank(ROWS), device))
        except FAILURES as error:
            name, got = open_layers[-1] if open_layers else ("", shape_of(backbone.card.input.blank(ROWS)))
            raise DryRunError(name, got, error) from error
        finally:
            for module in was_training:
                module.training = True
    return trace


def shape_of(value: Any) -> Shape:
    """Find the shape of the first tensor in what a layer gets or gives; () where there is none."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape)
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, list | tuple):
        return next((shape for part in value if (shape := shape_of(part))), ())
    return ()


def show(shape: Shape) -> str:
    """Write a shape with the batch as B: "[B, 32, 14, 14]"."""
    return f"[{', '.join(['B', *map(str, shape[1:])])}]" if shape else "no tensor"


def _channels_last(layer: nn.Module) -> bool | None:
    if isinstance(layer, nn.Linear) or type(layer) is nn.LayerNorm:
        return True
    first = (nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.GroupNorm)
    return False if isinstance(layer, first) else None


def to_device(x: Any, device: torch.device) -> Any:
    """Move a batch's x to a device."""
    return {key: value.to(device) for key, value in x.items()} if isinstance(x, dict) else x.to(device)
