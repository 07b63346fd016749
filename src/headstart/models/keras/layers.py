"""Translate layers of Keras into modules of torch, so that surgery, strategies and folding know them.

Values with four axes are [B, C, H, W] here and [B, H, W, C] in Keras; all others are laid out alike. A layer that the
table does not have is computed by Keras itself (`Foreign`).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from headstart.models.keras import modules
from headstart.models.keras.foreign import Foreign

L1_AND_L2 = ("L1", "L2", "L1L2")
Shape = tuple[int | None, ...]
Make = Callable[[Any, "Shape"], "Translated | None"]
Slots = Mapping[str, tuple[str, tuple[int, ...]]]  # by Keras' name of a weight: torch's name, and the order of axes


@dataclass(frozen=True)
class Translated:
    """A layer's module, and where each of its weights is in it.

    Attributes:
        module: With random weights.
        slots: By Keras' name of a weight.
    """

    module: nn.Module
    slots: Slots = field(default_factory=dict)


def translate(layer: Any, shape: Shape) -> Translated:
    """Make the module of a layer or an operation.

    Args:
        layer: Built, or an operation of `keras.ops` in the graph of a model.
        shape: Of its first input, as Keras has it.

    Returns:
        The module.
    """
    make = _table(layer).get(type(layer).__name__)
    made = make(layer, shape) if make is not None else None
    if made is None:
        foreign = Foreign(layer)
        axes = {variable.path: tuple(range(len(variable.shape))) for variable in getattr(layer, "variables", ())}
        made = Translated(foreign, {path: (name, axes[path]) for path, name in foreign.variables.items()})
    own = {name: name.rpartition("/")[2] for name in made.slots}  # of a path the name
    penalties = {slot[0]: found for name, slot in made.slots.items() if any(found := _penalty(layer, own[name]))}
    if penalties:
        made.module.regularisers = penalties  # pyright: ignore[reportArgumentType]
    return made


def _table(layer: Any) -> Mapping[str, Make]:
    place = type(layer).__module__
    if place.startswith("keras.src.layers."):
        return LAYERS
    return OPERATIONS if place.startswith("keras.src.ops.") else {}


def weights_of(layer: Any) -> dict[str, Any]:
    """Return the variables of a layer by name and by path, one of which `Slots` has."""
    variables = getattr(layer, "variables", ())
    return {
        **{variable.name: variable for variable in variables},
        **{variable.path: variable for variable in variables},
    }


def to_torch(array: Any, order: Sequence[int], shape: torch.Size) -> torch.Tensor:
    """Lay a weight of Keras out as torch has it."""
    return torch.permute(torch.as_tensor(array), tuple(order)).reshape(shape)


def to_keras(tensor: torch.Tensor, order: Sequence[int], shape: Sequence[int]) -> torch.Tensor:
    """Lay a weight of torch out as Keras has it."""
    back = sorted(range(len(order)), key=order.__getitem__)
    return torch.permute(tensor.reshape([shape[axis] for axis in order]), back)


def other_penalties(layer: Any) -> bool:
    """Return whether a layer has a penalty that is neither L1 nor L2 of a weight."""
    found = [value for name, value in vars(layer).items() if name.endswith("_regularizer") and value is not None]
    return any(type(value).__name__ not in L1_AND_L2 for value in found) or bool(
        getattr(layer, "activity_regularizer", None)
    )


def _penalty(layer: Any, name: str) -> tuple[float, float]:
    """Return how much the sum of |w| and that of the squares count, of a weight."""
    found = getattr(layer, f"{name}_regularizer", None)
    return float(getattr(found, "l1", 0.0) or 0.0), float(getattr(found, "l2", 0.0) or 0.0)


def _activated(layer: Any, name: str, module: nn.Module, slots: Slots) -> Translated | None:
    """Put the layer's activation behind it; None where torch has none that is equal."""
    activation = modules.activation(getattr(layer.activation, "__name__", ""))
    if activation is None:
        return None
    parts = list(module.named_children()) if isinstance(module, nn.Sequential) else [(name, module)]
    if not isinstance(activation, nn.Identity):
        parts.append(("activation", activation))
    if len(parts) == 1:
        return Translated(module, slots)
    named = {
        key: (f"{name}.{torch}" if torch in ("weight", "bias") else torch, order)
        for key, (torch, order) in slots.items()
    }
    return Translated(nn.Sequential(OrderedDict(parts)), named)


def _padded(layer: Any, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> tuple[Any, Any]:
    """Return what goes before a layer with the padding "same", and the padding that torch itself can do."""
    if layer.padding == "valid":
        return None, (0, 0)
    if all(s == 1 and (k - 1) * d % 2 == 0 for k, s, d in zip(kernel, stride, dilation, strict=True)):
        return None, tuple((k - 1) * d // 2 for k, d in zip(kernel, dilation, strict=True))
    return modules.SamePad(tuple(kernel), tuple(stride), tuple(dilation)), (0, 0)


def _conv(layer: Any, inputs: int, outputs: int, groups: int) -> tuple[nn.Module, str]:
    before, padding = _padded(layer, layer.kernel_size, layer.strides, layer.dilation_rate)
    conv = nn.Conv2d(
        inputs,
        outputs,
        tuple(layer.kernel_size),
        tuple(layer.strides),
        padding,
        tuple(layer.dilation_rate),
        groups,
        bias=layer.use_bias,
    )
    if before is None:
        return conv, ""
    return nn.Sequential(OrderedDict(pad=before, conv=conv)), "conv."


def _conv2d(layer: Any, shape: Shape) -> Translated | None:
    module, at = _conv(layer, layer.kernel.shape[2] * layer.groups, layer.filters, layer.groups)
    return _activated(layer, "conv", module, _slots(layer, at, kernel=(3, 2, 0, 1)))


def _depthwise(layer: Any, shape: Shape) -> Translated | None:
    channels = layer.kernel.shape[2]
    module, at = _conv(layer, channels, channels * layer.depth_multiplier, channels)
    return _activated(layer, "conv", module, _slots(layer, at, kernel=(2, 3, 0, 1)))


def _separable(layer: Any, shape: Shape) -> Translated | None:
    channels, many = layer.depthwise_kernel.shape[2:]
    before, padding = _padded(layer, layer.kernel_size, layer.strides, layer.dilation_rate)
    sizes = (tuple(layer.kernel_size), tuple(layer.strides), padding, tuple(layer.dilation_rate))
    parts = OrderedDict(pad=before) if before is not None else OrderedDict()
    parts["depthwise"] = nn.Conv2d(channels, channels * many, *sizes, groups=channels, bias=False)
    parts["pointwise"] = nn.Conv2d(channels * many, layer.filters, 1, bias=layer.use_bias)
    slots: dict[str, tuple[str, tuple[int, ...]]] = {
        "depthwise_kernel": ("depthwise.weight", (2, 3, 0, 1)),
        "pointwise_kernel": ("pointwise.weight", (3, 2, 0, 1)),
    }
    if layer.use_bias:
        slots["bias"] = ("pointwise.bias", (0,))
    return _activated(layer, "pointwise", nn.Sequential(parts), slots)


def _dense(layer: Any, shape: Shape) -> Translated | None:
    if getattr(layer, "lora_enabled", False):
        return None
    linear: nn.Module = nn.Linear(layer.kernel.shape[0], layer.units, bias=layer.use_bias)
    if len(shape) == 4:
        turned = nn.Sequential(OrderedDict(last=modules.Last(), dense=linear, first=modules.First()))
        return _activated(layer, "dense", turned, _slots(layer, "dense.", kernel=(1, 0)))
    return _activated(layer, "dense", linear, _slots(layer, "", kernel=(1, 0)))


def _slots(layer: Any, at: str, **orders: tuple[int, ...]) -> Slots:
    slots = {"kernel": (f"{at}weight", orders["kernel"])}
    return {**slots, "bias": (f"{at}bias", (0,))} if layer.use_bias else slots


def _batch_norm(layer: Any, shape: Shape) -> Translated | None:
    if layer.axis not in (-1, len(shape) - 1) or len(shape) not in (2, 4):
        return None
    width = shape[-1]
    assert width is not None
    norm = modules.batch_norm(width, len(shape), layer.epsilon, 1 - layer.momentum, layer.scale, layer.center)
    slots = {"moving_mean": ("running_mean", (0,)), "moving_variance": ("running_var", (0,))}
    slots |= {"gamma": ("weight", (0,))} if layer.scale else {}
    return Translated(norm, {**slots, **({"beta": ("bias", (0,))} if layer.center else {})})


def _layer_norm(layer: Any, shape: Shape) -> Translated | None:
    last = tuple(layer.axis) if isinstance(layer.axis, list | tuple) else (layer.axis,)
    if (
        last not in ((-1,), (len(shape) - 1,))
        or not (layer.scale and layer.center)
        or getattr(layer, "rms_scaling", False)
    ):
        return None
    width = shape[-1]
    assert width is not None
    norm = nn.LayerNorm(width, layer.epsilon)
    if len(shape) == 4:
        slots = {"gamma": ("norm.weight", (0,)), "beta": ("norm.bias", (0,))}
        return Translated(nn.Sequential(OrderedDict(last=modules.Last(), norm=norm, first=modules.First())), slots)
    return Translated(norm, {"gamma": ("weight", (0,)), "beta": ("bias", (0,))})


def _activation(layer: Any, shape: Shape) -> Translated | None:
    found = modules.activation(getattr(layer.activation, "__name__", ""))
    return None if found is None else Translated(found)


def _relu(layer: Any, shape: Shape) -> Translated | None:
    if layer.threshold or (layer.max_value is not None and (layer.max_value != 6 or layer.negative_slope)):
        return None
    if layer.negative_slope:
        return Translated(nn.LeakyReLU(float(layer.negative_slope)))
    return Translated(nn.ReLU() if layer.max_value is None else nn.ReLU6())


def _pool(layer: Any, largest: bool) -> Translated | None:
    size, stride = tuple(layer.pool_size), tuple(layer.strides)
    before, padding = _padded(layer, size, stride, (1, 1))
    if before is None:
        return Translated(
            nn.MaxPool2d(size, stride, padding) if largest else nn.AvgPool2d(size, stride, padding, False, False)
        )
    if largest:
        pad = modules.SamePad(size, stride, (1, 1), -math.inf)
        return Translated(nn.Sequential(OrderedDict(pad=pad, pool=nn.MaxPool2d(size, stride))))
    return None  # Keras on torch repeats the edge there, unlike on other backends


def _global_pool(layer: Any, largest: bool) -> Translated:
    return Translated(modules.GlobalPool(largest, layer.keepdims))


def _zero_pad(layer: Any, shape: Shape) -> Translated:
    (top, bottom), (left, right) = layer.padding
    return Translated(nn.ZeroPad2d((left, right, top, bottom)))


def _merge(how: str) -> Callable[[Any, Shape], Translated]:
    return lambda layer, _: Translated(modules.Merge(how))


LAYERS: Mapping[str, Make] = {
    "Conv2D": _conv2d,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
    "Dense": _dense,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Activation": _activation,
    "ReLU": _relu,
    "MaxPooling2D": lambda layer, _: _pool(layer, True),
    "AveragePooling2D": lambda layer, _: _pool(layer, False),
    "GlobalAveragePooling2D": lambda layer, _: _global_pool(layer, False),
    "GlobalMaxPooling2D": lambda layer, _: _global_pool(layer, True),
    "ZeroPadding2D": _zero_pad,
    "Flatten": lambda layer, _: Translated(modules.Flatten()),
    "Reshape": lambda layer, _: Translated(modules.Reshape(tuple(layer.target_shape))),
    "Dropout": lambda layer, _: Translated(nn.Dropout(layer.rate)),
    "SpatialDropout2D": lambda layer, _: Translated(nn.Dropout2d(layer.rate)),
    "Add": _merge("add"),
    "Multiply": _merge("multiply"),
    "Maximum": _merge("maximum"),
    "Average": _merge("average"),
    "Concatenate": lambda layer, _: Translated(modules.Concatenate(layer.axis)),
    "Rescaling": lambda layer, _: (
        Translated(modules.Rescaling(layer.scale, layer.offset))
        if all(isinstance(v, int | float) for v in (layer.scale, layer.offset))
        else None
    ),
}
OPERATIONS: Mapping[str, Make] = {
    "Add": lambda layer, _: Translated(modules.Arithmetic("add")),
    "Subtract": lambda layer, _: Translated(modules.Arithmetic("subtract")),
    "Multiply": lambda layer, _: Translated(modules.Arithmetic("multiply")),
    "TrueDivide": lambda layer, _: Translated(modules.Arithmetic("true_divide")),
}
