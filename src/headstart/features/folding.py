"""Fold batch norms into the convolutions before them: the same features from a frozen network in less time.

In evaluation mode a batch norm multiplies and adds one number a channel, which a convolution can take over
(Jacob et al. 2017, arXiv:1712.05877, section 3.2). Which convolution feeds which batch norm is seen in a forward pass,
not guessed from names, and the copy is used only if its features agree with the network's.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from headstart.models.each import Each
from headstart.models.model import Backbone

TOLERANCE = 1e-4  # of the largest feature


def folded(backbone: Backbone, x: Any) -> Backbone:
    """Return a faster copy of a network for evaluation, or the network itself where there is none.

    Args:
        backbone: Any network; it is not changed.
        x: A batch, to see how the network is put together and to compare the features on.

    Returns:
        The copy if it has batch norms folded and its pooled features agree within `TOLERANCE`, else the network.
        The copy shares the tensors that are not folded.
    """
    tensors = [*backbone.parameters(), *backbone.buffers()]
    made = copy.deepcopy(backbone, {id(tensor): tensor for tensor in tensors}).eval()
    with torch.inference_mode():
        pairs, expected = _watch(made, x)
        for conv, norm in pairs:
            _fold(made, conv, norm)
        worst = (made(x)["pooled"] - expected).abs().max()
        agrees = worst <= TOLERANCE * expected.abs().max()
    return made if pairs and agrees else backbone


def has_norms(backbone: Backbone) -> bool:
    """Return whether there is a batch norm that could be folded."""
    return any(_is_foldable(module) for module in backbone.modules())


def _watch(backbone: Backbone, x: Any) -> tuple[list[tuple[str, str]], torch.Tensor]:
    """Pair by name each batch norm with the convolution whose output it is given; both must run once, unwatched."""
    outputs: dict[int, tuple[str, torch.Tensor]] = {}  # kept alive, so that no id comes twice
    runs: dict[str, int] = {}
    pairs: list[tuple[str, str]] = []

    def after(name: str, module: nn.Module, given: Any, out: Any) -> None:
        runs[name] = runs.get(name, 0) + 1
        if isinstance(out, Each):  # of which each target has one
            return
        if _is_convolution(module):
            outputs[id(out)] = (name, out)
        elif id(given[0]) in outputs:
            pairs.append((outputs[id(given[0])][0], name))

    hooks = [
        module.register_forward_hook(lambda m, given, out, name=name: after(name, m, given, out))
        for name, module in backbone.named_modules()
        if (_is_convolution(module) or _is_foldable(module)) and not _is_watched(module)
    ]
    try:
        pooled = backbone(x)["pooled"]
    finally:
        for hook in hooks:
            hook.remove()
    return [(conv, norm) for conv, norm in pairs if runs[conv] == runs[norm] == 1], pooled


def _is_watched(module: nn.Module) -> bool:
    """Return whether something stands behind or before the module that needs what it gives, as head2toe's taps do."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _is_convolution(module: nn.Module) -> bool:
    """Return whether this is a convolution whose weight is its own, and not computed as in `lora`."""
    return isinstance(module, nn.Conv2d) and not hasattr(module, "parametrizations")


def _is_foldable(module: nn.Module) -> bool:
    """Return whether this is a plain batch norm, or timm's with an activation behind it."""
    return isinstance(module, nn.BatchNorm2d) and (type(module) is nn.BatchNorm2d or hasattr(module, "act"))


def _fold(backbone: Backbone, conv_name: str, norm_name: str) -> None:
    conv: Any = backbone.get_submodule(conv_name)
    norm: Any = backbone.get_submodule(norm_name)
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    parent, _, own = norm_name.rpartition(".")
    setattr(backbone.get_submodule(parent), own, getattr(norm, "act", nn.Identity()))
