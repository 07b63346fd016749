"""A Keras model as a backbone: without its classifier, its blocks as stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from headstart.core.errors import SourceError
from headstart.core.types import Card, Features
from headstart.models.dryrun import ROWS
from headstart.models.keras.backend import import_keras
from headstart.models.keras.graph import Built, build, functional, is_model, nodes_of
from headstart.models.keras.modules import ReverseChannels, first, last
from headstart.models.keras.network import Network
from headstart.models.model import Backbone
from headstart.models.stages import Stages, prefixed

TOLERANCE = 1e-4  # of the largest feature
NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm)


class KerasBackbone(Backbone):
    """Features of a Keras model: `maps` where its last value before a global mean has four axes.

    Args:
        net: Translated.
        card: Its architecture says whether channels go blue first ("reverse").
    """

    def __init__(self, net: Network, card: Card) -> None:
        super().__init__()
        self.before = ReverseChannels() if card.architecture["reverse"] else nn.Identity()
        self.net = net
        self.card = card
        with torch.no_grad():
            self.eval()
            self.dim = self(card.input.blank(ROWS))["pooled"].shape[1]
            self.train()

    def stages(self) -> Stages:
        return prefixed(stages_of(self.net), "net.")

    def forward(self, x: torch.Tensor) -> Features:  # [B, C, H, W] or [B, D]
        out = self.net(self.before(x))
        if out.ndim == 4:
            return Features(pooled=out.mean((2, 3)), maps=[out])
        if out.ndim == 3:
            return Features(pooled=out.mean(1))  # [B, T, D]
        return Features(pooled=out)


@dataclass(frozen=True)
class Ending:
    """Where the part of a model that is taken over ends.

    Attributes:
        graph: The model, without the end of a model within it.
        until: A value of the graph, a tensor of Keras.
        classifier: The layer behind it that answers the source's task; None where there is none.
    """

    graph: Any
    until: Any
    classifier: Any = None


def ending(graph: Any, include_top: bool) -> Ending:
    """Find where a model's classifier begins; a global mean before it is left to the backbone, which gives maps, too.

    Args:
        graph: A functional model.
        include_top: Whether the classifier stays.

    Returns:
        The end.

    Raises:
        SourceError: There is nothing before the classifier.
    """
    found = _end(graph, include_top)
    if id(found.until) == id(found.graph.inputs[0]):
        raise SourceError(
            f"The Keras model '{graph.name}' is nothing but a classifier. To take its answers as features, "
            "give include_top=true."
        )
    return found


def _end(graph: Any, include_top: bool) -> Ending:
    calls = {id(node.outputs[0]): node for node in nodes_of(graph)}

    def behind(value: Any, *kinds: str) -> Any:
        node = calls.get(id(value))
        while node is not None and type(node.operation).__name__ in kinds:
            value = node.input_tensors[0]
            node = calls.get(id(value))
        return value

    value, classifier = graph.outputs[0], None
    if not include_top:
        node = calls.get(id(behind(value, "Activation", "Softmax", "Reshape", "Flatten")))
        if node is not None and is_model(node.operation):
            return _end_within(graph, node)
        if node is not None and _classifies(type(node.operation).__name__, node.input_tensors[0].shape):
            value, classifier = node.input_tensors[0], node.operation
    value = behind(value, "Dropout")
    node = calls.get(id(value))
    if node is not None and type(node.operation).__name__ == "GlobalAveragePooling2D":
        value = node.input_tensors[0]
    return Ending(graph, value, classifier)


def _end_within(graph: Any, node: Any) -> Ending:
    """End in the model that a model ends with."""
    inner, given = functional(node.operation), node.input_tensors[0]
    end = _end(inner, include_top=False)
    if end.classifier is None:
        return Ending(graph, graph.outputs[0])
    keras = import_keras()
    if id(end.until) == id(end.graph.inputs[0]):
        shorter = keras.Model(graph.inputs[0], given, name=graph.name)
        return replace(_end(shorter, include_top=True), classifier=end.classifier)
    part = keras.Model(end.graph.inputs[0], end.until, name=node.operation.name)
    value = part(given, **{key: kept for key, kept in node.arguments.kwargs.items() if key == "training"})
    return Ending(keras.Model(graph.inputs[0], value, name=graph.name), value, end.classifier)


def _classifies(kind: str, shape: tuple[int | None, ...]) -> bool:
    return (kind == "Dense" and len(shape) == 2) or (kind == "Conv2D" and tuple(shape[1:3]) == (1, 1))


def of_model(model: Any, card: Card) -> tuple[KerasBackbone, Built]:
    """Make the backbone that a card describes of a Keras model.

    Args:
        model: With weights.
        card: With `architecture` {"model": its JSON, "include_top", "reverse"}; parameters are counted here.

    Returns:
        The backbone, and what else the model says.

    Raises:
        SourceError: The model is no graph of layers, or a layer cannot be run.
    """
    graph = functional(model)
    end = ending(graph, card.architecture["include_top"])
    built = build(end.graph, end.until)
    net = built.module
    assert isinstance(net, Network)
    card = replace(card, params=sum(parameter.numel() for parameter in net.parameters()))
    try:
        backbone = KerasBackbone(net, card)
    except (RuntimeError, TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise SourceError(f"{card.name}: the network failed on an empty batch: {error}") from error
    fixed = [name for at in built.fixed for name, _ in _parameters(net, at)]
    backbone.freeze_overrides = {f"net.{name}": True for name in fixed}
    if end.classifier is not None:
        backbone.source_classifier = _linear(end.classifier)
        many = getattr(end.classifier.activation, "__name__", "") == "sigmoid"
        backbone.source_form = "labels" if many else backbone.source_form
    return backbone, built


def check_equal(backbone: KerasBackbone, model: Any) -> None:
    """Compare a backbone's network with Keras' on numbers that are drawn. SourceError: they differ."""
    keras, graph = import_keras(), functional(model)
    end = ending(graph, backbone.card.architecture["include_top"])
    x = torch.rand(backbone.card.input.blank(ROWS).shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), keras.device("cpu"):
        backbone.eval()
        own, wanted = backbone.net(x), keras.Model(end.graph.inputs[0], end.until)(last(x), training=False)
        backbone.train()
    worst = (own - first(wanted)).abs().max()
    if not worst <= TOLERANCE * wanted.abs().max().clamp_min(1e-30):
        raise SourceError(
            f"{backbone.card.name}: the network differs from Keras' by {worst:.2g}. It has a layer that Headstart "
            "translates wrongly; please report it with the model's architecture (model.to_json())."
        )


def stages_of(net: Network) -> Stages:
    """Cut a network at its blocks and layers; a norm goes with the layer before it, and models within it are opened."""
    found: dict[str, list[str]] = {}
    for name, child in net.named_children():
        if isinstance(child, Network) and child.nested:
            found |= {f"{name}.{stage}": list(names) for stage, names in prefixed(stages_of(child), f"{name}.").items()}
            continue
        names = [f"{name}.{parameter}" for parameter, _ in child.named_parameters()]
        if names and isinstance(child, NORMS) and found:
            found[next(reversed(found))] += names
        elif names:
            found[name] = names
    return {stage: tuple(names) for stage, names in found.items()}


def _parameters(net: nn.Module, at: str) -> list[tuple[str, nn.Parameter]]:
    return [(f"{at}.{name}", parameter) for name, parameter in net.get_submodule(at).named_parameters()]


def _linear(layer: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the weight [C, D] and the bias [C] of a classifier."""
    variables: Mapping[str, torch.Tensor] = {v.name: v.value.detach().clone() for v in layer.weights}
    kernel = variables["kernel"]  # [D, C] or [1, 1, D, C]
    return kernel.reshape(kernel.shape[-2:]).T.contiguous(), variables.get("bias")
