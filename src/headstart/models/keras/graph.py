"""Translate a Keras model into a torch network with its weights."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from headstart.core.errors import SourceError
from headstart.models.keras.layers import Slots, other_penalties, to_torch, translate, weights_of
from headstart.models.keras.network import INPUT, Network, Ref, Step, free_name, in_blocks, leaves

AUGMENTING = re.compile(r"Random\w+|AugMix|CutMix|MixUp|RandAugment|AutoContrast|Solarization|Equalization")


@dataclass
class Built:
    """A module of a model, a layer or a network, with what belongs to it beside weights.

    Attributes:
        module: With Keras' weights.
        places: By the name of a module: Keras' layer, and where its weights are.
        fixed: Modules of layers that Keras is not to let learn.
        left_out: Layers that vary pictures in training.
        unkept: Layers with a penalty that is not kept, which is neither L1 nor L2 of a weight.
    """

    module: nn.Module
    places: dict[str, tuple[Any, Slots]] = field(default_factory=dict)
    fixed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    unkept: list[str] = field(default_factory=list)


def functional(model: Any) -> Any:
    """Return a model as a graph of layers with one input and one output. SourceError: it is none."""
    graph = getattr(model, "_functional", model)
    if graph is None or not hasattr(graph, "_nodes_by_depth"):
        kind = type(model).__name__
        how = "Build it with an Input first" if kind == "Sequential" else "Write it as keras.Model(inputs, outputs)"
        raise SourceError(f"The Keras model '{model.name}' is a {kind} without a graph of layers. {how}, and save it.")
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise SourceError(
            f"The Keras model '{model.name}' has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; "
            "one of each can be taken over. Save keras.Model(one input, one output) of it."
        )
    return graph


def is_model(layer: Any) -> bool:
    """Return whether a layer is a model within the model."""
    return hasattr(layer, "layers") and hasattr(layer, "inputs")


def nodes_of(graph: Any, until: Any = None) -> list[Any]:
    """List the calls of layers that a value needs, in order.

    Args:
        graph: A functional model.
        until: A value of the graph; None is its output.

    Returns:
        The calls, without those that are inputs.
    """
    ordered = [node for depth in sorted(graph._nodes_by_depth) for node in reversed(graph._nodes_by_depth[depth])]
    needed, kept = {id(graph.outputs[0] if until is None else until)}, []
    for node in ordered:  # from the output back
        if any(id(value) in needed for value in node.outputs):
            needed |= {id(value) for value in node.input_tensors}
            kept.append(node)
    return [node for node in reversed(kept) if not node.is_input]


def build(graph: Any, until: Any = None) -> Built:
    """Translate a functional model.

    Args:
        graph: With one input and one output.
        until: The value to end with; None is the output.

    Returns:
        A `Network` with the model's weights, and what belongs to it.

    Raises:
        SourceError: A layer gives several values, or a part is no graph.
    """
    values = {id(graph.inputs[0]): INPUT}
    names: dict[int, str] = {}
    parts: dict[str, Built] = {}
    steps: list[Step] = []

    def named(value: Any) -> Any:
        return Ref(values[id(value)]) if id(value) in values else value

    for place, node in enumerate(nodes_of(graph, until)):
        layer = node.operation
        if len(node.outputs) != 1:
            raise SourceError(
                f"The layer '{layer.name}' gives {len(node.outputs)} values; those that give one can be used."
            )
        name = names.setdefault(id(layer), free_name(layer.name, set(names.values())))
        kwargs = {key: value for key, value in node.arguments.kwargs.items() if value is not None}
        training = kwargs.pop("training", None)
        if name not in parts:
            parts[name] = _part(node, still=training is False)
        values[id(node.outputs[0])] = f"{name}:{place}"
        steps.append(Step(name, leaves(tuple(node.arguments.args), named), leaves(kwargs, named), f"{name}:{place}"))
    network, where = in_blocks({name: part.module for name, part in parts.items()}, steps)
    built = Built(network)
    for name, part in parts.items():
        built.places |= {_below(where[name], at): found for at, found in part.places.items()}
        built.fixed += [_below(where[name], at) for at in part.fixed]
        built.left_out += part.left_out
        built.unkept += part.unkept
    return built


def _below(name: str, rest: str) -> str:
    return f"{name}.{rest}" if rest else name


def _part(node: Any, still: bool) -> Built:
    """Translate a layer or a model within the model."""
    layer = node.operation
    if is_model(layer):
        built = build(functional(layer))
        assert isinstance(built.module, Network)
        built.module.still, built.module.nested = still, True
        return built
    if AUGMENTING.fullmatch(type(layer).__name__):
        return Built(nn.Identity(), left_out=[layer.name])
    fixed = [""] if getattr(layer, "trainable", True) is False else []
    shapes = [tuple(value.shape) for value in node.input_tensors]
    made = translate(layer, shapes[0] if shapes else ())
    variables, state = weights_of(layer), made.module.state_dict(keep_vars=True)
    with torch.no_grad():
        for name, (own, order) in made.slots.items():
            state[own].copy_(to_torch(variables[name].value.detach(), order, state[own].shape))
    unkept = [layer.name] if other_penalties(layer) else []
    return Built(made.module, {"": (layer, made.slots)}, fixed, unkept=unkept)
