"""Small layers by name, made for the shape at the place where they will stand."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from headstart.core.errors import UsageError, unknown
from headstart.models.dryrun import Shape, show

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
NORMS = ("batch_norm", "layer_norm", "group_norm")
POOLINGS = ("avg_pool", "max_pool", "avg_max_pool", "flatten")
LARGEST_GROUPS = 32  # of a group norm (Wu & He 2018, arXiv:1803.08494)


def make_layer(kind: str, shape: Shape, *, width: int | None, rate: float, maps: bool, what: str) -> nn.Module:
    """Make a layer that keeps the shape, or changes its width to `width` ("linear").

    Args:
        kind: "identity", "dropout", "linear", an activation or a norm.
        shape: Shape of its input: [B, D], [B, T, D] or maps.
        width: Outputs of "linear"; None keeps the width, and the layer then starts as the identity.
        rate: Rate of the layer "dropout".
        maps: Whether it is [B, C, H, W]; else the last axis holds the channels.
        what: The operation, for messages.

    Returns:
        The layer.

    Raises:
        UsageError: There is no such layer, or it does not go with the shape.
    """
    if kind == "identity":
        return nn.Identity()
    if kind == "dropout":
        return nn.Dropout(rate)
    if kind in ACTIVATIONS:
        return ACTIVATIONS[kind]()
    known = ("identity", "dropout", "linear", *ACTIVATIONS, *NORMS)
    if kind not in known:
        raise unknown("layer to insert or put in place of another", kind, known)
    if len(shape) not in (2, 3, 4):
        raise UsageError(f"{what}: '{kind}' needs [B, D], [B, T, D] or [B, C, H, W]; here it gets {show(shape)}.")
    size = shape[1] if maps else shape[-1]
    if kind == "linear":
        return _linear(size, width, maps)
    if kind == "layer_norm" and not maps:
        return nn.LayerNorm(size)
    if kind == "batch_norm" and len(shape) == 2:
        return nn.BatchNorm1d(size)
    if not maps:
        raise UsageError(f"{what}: '{kind}' needs maps [B, C, H, W]; here it gets {show(shape)}. Take layer_norm.")
    if kind == "batch_norm":
        return nn.BatchNorm2d(size)
    groups = 1 if kind == "layer_norm" else max(g for g in range(1, LARGEST_GROUPS + 1) if size % g == 0)
    return nn.GroupNorm(groups, size)


def make_pooling(kind: str, got: Shape, gave: Shape, *, what: str) -> nn.Module:
    """Make a pooling over the whole maps [B, C, H, W], whose output has as many axes as that of the one before.

    Args:
        kind: One of `POOLINGS`.
        got: What the pooling before got.
        gave: What it gave, [B, C] or [B, C, 1, 1].
        what: The operation, for messages.

    Returns:
        The pooling.

    Raises:
        UsageError: The layer before was no pooling over whole maps.
    """
    if len(got) != 4 or not (len(gave) == 2 or gave[2:] == (1, 1)):
        raise UsageError(
            f"{what}: '{kind}' stands for a layer from [B, C, H, W] to [B, C] or [B, C, 1, 1]; this one makes "
            f"{show(gave)} of {show(got)}."
        )
    return Pooling(kind, keep=len(gave) == 4)


class Pooling(nn.Module):
    """Maps [B, C, H, W] to one number a channel, by mean, maximum or both; or all numbers in a row ("flatten")."""

    def __init__(self, kind: str, keep: bool) -> None:
        super().__init__()
        self.kind, self.keep = kind, keep

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [B, C] or [B, C, 1, 1]
        pooled = pool_maps(x, self.kind)
        return pooled[:, :, None, None] if self.keep else pooled

    def extra_repr(self) -> str:
        """Show the kind."""
        return self.kind


def pool_maps(x: torch.Tensor, kind: str) -> torch.Tensor:
    """Pool maps [B, C, H, W] to [B, C]; "flatten" gives [B, C * H * W]."""
    if kind == "flatten":
        return x.flatten(1)
    if kind == "max_pool":
        return x.amax(dim=(2, 3))
    if kind == "avg_max_pool":
        return (x.mean(dim=(2, 3)) + x.amax(dim=(2, 3))) / 2
    return x.mean(dim=(2, 3))


def _linear(size: int, width: int | None, maps: bool) -> nn.Module:
    layer = nn.Conv2d(size, width or size, 1) if maps else nn.Linear(size, width or size)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    if width in (None, size):
        with torch.no_grad():
            layer.weight.copy_(torch.eye(size).reshape(layer.weight.shape))
    return layer
