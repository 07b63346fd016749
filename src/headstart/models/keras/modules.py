"""Modules that torch lacks: what layers of Keras do to values that are [B, C, H, W] here and [B, H, W, C] there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softmax": lambda: Softmax(),
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "hard_sigmoid": nn.Hardsigmoid,
    "hard_silu": nn.Hardswish,
    "hard_swish": nn.Hardswish,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "mish": nn.Mish,
}


def activation(name: str) -> nn.Module | None:
    """Make the activation that Keras calls so; None where torch has none that is equal."""
    make = ACTIVATIONS.get(name)
    return None if make is None else make()


def batch_norm(width: int, axes: int, eps: float, momentum: float, scale: bool, center: bool) -> nn.Module:
    """Make a batch norm; a factor or an offset that Keras has not is a constant."""
    norm = (nn.BatchNorm2d if axes == 4 else nn.BatchNorm1d)(width, eps, momentum)
    for name, wanted in (("weight", scale), ("bias", center)):
        if not wanted:
            constant = getattr(norm, name).detach()
            delattr(norm, name)
            norm.register_buffer(name, constant)
    return norm


def first(x: torch.Tensor) -> torch.Tensor:
    """Turn maps [B, H, W, C] into [B, C, H, W]; leave all else."""
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def last(x: torch.Tensor) -> torch.Tensor:
    """Turn maps [B, C, H, W] into [B, H, W, C]; leave all else."""
    return x.permute(0, 2, 3, 1) if x.ndim == 4 else x


class First(nn.Module):
    """Maps [B, H, W, C] to [B, C, H, W]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return first(x)


class Last(nn.Module):
    """Maps [B, C, H, W] to [B, H, W, C]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return last(x)


class Arithmetic(nn.Module):
    """One of torch's functions of two values, one of which may be a number."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, a: Any, b: Any) -> torch.Tensor:
        a, b = (last(value) if isinstance(value, torch.Tensor) else value for value in (a, b))
        return first(getattr(torch, self.how)(torch.as_tensor(a), b))


class SamePad(nn.Module):
    """Pads as TensorFlow's "same": output = ceil(input / stride), and the odd pixel comes last."""

    def __init__(
        self, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], value: float = 0.0
    ) -> None:
        super().__init__()
        self.windows = [((k - 1) * d + 1, s) for k, s, d in zip(kernel, stride, dilation, strict=True)]
        self.value = value

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [B, C, H, W]
        sides: list[int] = []
        for size, (window, stride) in zip(reversed(x.shape[2:]), reversed(self.windows), strict=True):
            missing = max((-(-size // stride) - 1) * stride + window - size, 0)
            sides += [missing // 2, missing - missing // 2]
        return functional.pad(x, sides, value=self.value)


class GlobalPool(nn.Module):
    """The mean or the largest over all places: [B, C, H, W] to [B, C], or [B, C, 1, 1] with `keep`."""

    def __init__(self, largest: bool, keep: bool) -> None:
        super().__init__()
        self.largest, self.keep = largest, keep

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.amax((2, 3), self.keep) if self.largest else x.mean((2, 3), self.keep)


class Softmax(nn.Module):
    """Softmax over what is Keras' last axis."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.softmax(1 if x.ndim == 4 else -1)


class Flatten(nn.Module):
    """All numbers of a row, maps in Keras' order: [B, C, H, W] to [B, H C W …]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return last(x).flatten(1) if x.ndim > 1 else x[:, None]


class Reshape(nn.Module):
    """The numbers of a row in another shape, maps in Keras' order."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return first(last(x).reshape(len(x), *self.shape))


class Merge(nn.Module):
    """Adds, multiplies, averages values, or takes the largest of each place."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, values: Sequence[torch.Tensor]) -> torch.Tensor:
        out = values[0]
        for value in values[1:]:
            if self.how == "maximum":
                out = torch.maximum(out, value)
            else:
                out = out * value if self.how == "multiply" else out + value
        return out / len(values) if self.how == "average" else out


class Concatenate(nn.Module):
    """Joins values along what is the axis `axis` in Keras."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, values: Sequence[torch.Tensor]) -> torch.Tensor:
        four = {0: 0, 1: 2, 2: 3, 3: 1}
        axis = four[self.axis % 4] if values[0].ndim == 4 else self.axis
        return torch.cat(list(values), axis)


class Rescaling(nn.Module):
    """x times `scale` plus `offset`."""

    def __init__(self, scale: float, offset: float) -> None:
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale + self.offset


class ReverseChannels(nn.Module):
    """RGB to BGR, as networks that were trained with Caffe expect pictures."""

    def forward(self, x: Any) -> Any:  # [B, C, H, W]
        return x.flip(1)
