"""A network of timm as a backbone: built from plain data, cut into its author's layer groups."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn

from headstart.core.errors import SourceError, first_few, unknown
from headstart.core.types import Card, Features, Prefix
from headstart.models import stages
from headstart.models.light_timm import import_timm
from headstart.models.model import Backbone
from headstart.models.prefix import prefix_of
from headstart.models.timm_changes import change

# timm's entry points fix these widths; the builders behind them take `channel_multiplier`.
WIDTH_BUILDERS = {"mobilenetv1_100": "_gen_mobilenet_v1", "mobilenetv2_100": "_gen_mobilenet_v2"}


class TimmBackbone(Backbone):
    """Features of a timm network without its classifier: `maps` of convolutional ones, `tokens` of transformers."""

    def __init__(self, net: nn.Module, card: Card) -> None:
        super().__init__()
        self.net = net
        self.card = card
        self.dim = int(getattr(net, "head_hidden_size", None) or net.num_features)  # pyright: ignore[reportArgumentType]
        count: Any = getattr(net, "num_prefix_tokens", None)
        self.prefix: Prefix = prefix_of(net, count)
        self.channels_last = getattr(net, "output_fmt", "NCHW") == "NHWC"

    def stages(self) -> dict[str, tuple[str, ...]]:
        return stages.prefixed(stages.from_matcher(self.net), "net.")

    def forward(self, x: torch.Tensor) -> Features:  # [B, C, H, W]
        net = cast(Any, self.net)
        out = net.forward_features(x)
        features = Features(pooled=net.forward_head(out, pre_logits=True))  # [B, D]
        if not isinstance(out, torch.Tensor):
            raise SourceError(f"{type(net).__name__} gives several outputs; take a network that gives one.")
        if out.ndim == 4:
            features["maps"] = [out.permute(0, 3, 1, 2) if self.channels_last else out]
        elif out.ndim == 3:
            features["tokens"] = out
            features["prefix"] = self.prefix
        return features


def create(architecture: Mapping[str, Any]) -> nn.Module:
    """Build a timm network without classifier and with random weights.

    Args:
        architecture: "name" of the timm network, its "options" and "changes" to it, as plain data.

    Returns:
        The network.

    Raises:
        SourceError: The options or changes are none that it takes, or would make timm read a file.
    """
    timm = import_timm()
    name, options = architecture["name"], {**architecture.get("options", {}), "num_classes": 0}
    if not timm.is_model(name):
        raise unknown("timm model", name, timm.list_models())
    # create_model's own arguments load files, some of them pickles; what is left shapes the network
    unsafe = [key for key in options if key in inspect.signature(timm.create_model).parameters]
    if unsafe:
        raise SourceError(f"{name}: a model card must not set {first_few(unsafe)}.")
    try:
        if "channel_multiplier" in options:
            net = _width_builder(name)(name, **options)
        else:
            net = timm.create_model(name, pretrained=False, **options)
    except (TypeError, ValueError, KeyError, AssertionError, RuntimeError) as error:
        raise SourceError(f"timm {timm.__version__} cannot build {name} with {options}: {error}") from error
    change(net, architecture.get("changes", {}))
    return net


def rebuild(card: Card) -> TimmBackbone:
    """Build the network of a card with random weights."""
    return TimmBackbone(create(card.architecture), card)


def count(net: nn.Module) -> int:
    """Count the parameters."""
    return sum(parameter.numel() for parameter in net.parameters())


def family(net: nn.Module) -> str:
    """Name the file of timm that the network is from: "resnet", "efficientnet" …"""
    return type(net).__module__.rpartition(".")[2]


def _width_builder(name: str) -> Any:
    from timm.models import efficientnet

    if name not in WIDTH_BUILDERS:
        raise SourceError(f"{name}: channel_multiplier is known for {first_few(WIDTH_BUILDERS)} only.")
    return getattr(efficientnet, WIDTH_BUILDERS[name])
