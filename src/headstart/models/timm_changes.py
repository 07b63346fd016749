"""Changes to a network of timm that none of its options makes, as plain data that a card can hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import SourceError, first_few


def change(net: nn.Module, changes: Mapping[str, Any]) -> None:
    """Change a network in place.

    Args:
        net: A network of timm.
        changes: Names of `CHANGES`, each with what it takes.

    Raises:
        SourceError: There is no such change, or it does not fit the network.
    """
    for name, value in changes.items():
        if name not in CHANGES:
            raise SourceError(f"'{name}' is no change to a network of timm; there are {first_few(CHANGES)}.")
        try:
            CHANGES[name](net, value)
        except (AttributeError, TypeError, ValueError) as error:
            raise SourceError(f"{type(net).__name__} cannot be changed by {name} = {value}: {error}") from error


def _eps(net: nn.Module, eps: float) -> None:
    """Set what batch norms add to the variance."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = float(eps)


def _strides(net: nn.Module, strides: Mapping[str, int]) -> None:
    """Set the strides of convolutions."""
    for name, stride in strides.items():
        cast(nn.Conv2d, net.get_submodule(name)).stride = (int(stride), int(stride))


def _means_inside(net: nn.Module, names: Sequence[str]) -> None:
    """Give modules the means of 3 x 3 pixels that are inside the map, where they got those with zeros around it."""
    for name in names:
        net.get_submodule(name).register_forward_pre_hook(_inside)


def _inside(module: nn.Module, given: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    (mean,) = given  # [B, C, H, W]
    share = functional.avg_pool2d(torch.ones_like(mean[:1, :1]), kernel_size=3, stride=1, padding=1)
    return (mean / share,)


def _without_hidden(net: nn.Module, name: str) -> None:
    """Leave out the hidden layers between the maps and the classifier."""
    net.get_submodule(name)
    setattr(net, name, nn.Identity())
    net.head_hidden_size = net.num_features


CHANGES: Mapping[str, Callable[[nn.Module, Any], None]] = MappingProxyType(
    {"eps": _eps, "strides": _strides, "means_inside": _means_inside, "without_hidden": _without_hidden}
)
