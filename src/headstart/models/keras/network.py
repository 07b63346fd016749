"""A graph of layers as a torch network, in blocks between the places where a single value passes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import nn

# block5_conv1, conv2_block1_1_conv, block_3_expand, block2a_se, expanded_conv_1_depthwise
BLOCK = re.compile(r"(.*?(?:block_?\d+[a-z]?|expanded_conv(?:_\d+)?))(?:_.*)?")
INPUT = "input"


@dataclass(frozen=True)
class Ref:
    """Stands for a value of the graph among the arguments of a layer."""

    name: str


@dataclass(frozen=True)
class Step:
    """One call of a layer: which, of what, and what its result is called. `done`: values that nobody needs after it."""

    layer: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    gives: str
    done: tuple[str, ...] = ()

    def refs(self) -> list[str]:
        """List the values that the call takes."""
        found: list[str] = []
        leaves((self.args, self.kwargs), lambda value: found.append(value.name) if isinstance(value, Ref) else None)
        return found


class Network(nn.Module):
    """Layers, and the order in which they are called.

    Args:
        layers: By name.
        steps: In order; the first value is "input", and what the last step gives is the network's output.

    Attributes:
        still: The network stays in evaluation mode, as where Keras calls it with training=False.
        nested: It is a model within a model, rather than a block.
    """

    def __init__(self, layers: Mapping[str, nn.Module], steps: Sequence[Step]) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        ends = {name: place for place, step in enumerate(steps) for name in step.refs()}
        self.steps = tuple(
            replace(step, done=tuple(name for name, end in ends.items() if end == place))
            for place, step in enumerate(steps)
        )
        self.still = self.nested = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Call the layers in order."""
        values = {INPUT: x}

        def value_of(value: Any) -> Any:
            return values[value.name] if isinstance(value, Ref) else value

        for step in self.steps:
            out = self.get_submodule(step.layer)(*leaves(step.args, value_of), **leaves(step.kwargs, value_of))
            for name in step.done:
                del values[name]
            values[step.gives] = out
        return values[self.steps[-1].gives] if self.steps else x

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all layers; a network that stays in evaluation mode stays there."""
        return super().train(mode and not self.still)


def leaves(value: Any, function: Callable[[Any], Any]) -> Any:
    """Apply a function to all that is no list, tuple or table in nested ones."""
    if isinstance(value, list | tuple):
        return type(value)(leaves(part, function) for part in value)
    if isinstance(value, Mapping):
        return {key: leaves(part, function) for key, part in value.items()}
    return function(value)


def free_name(name: str, taken: set[str]) -> str:
    """Make a name that torch takes for a module and that is not taken: dots and slashes become _."""
    name = re.sub(r"[./]", "_", name)
    while name in taken or hasattr(nn.Module, name) or name in ("steps", "still", "nested", "training"):
        name += "_"
    return name


def in_blocks(layers: Mapping[str, nn.Module], steps: Sequence[Step]) -> tuple[Network, dict[str, str]]:
    """Make a network in which the layers between two places where a single value passes are a network of their own.

    Args:
        layers: By name.
        steps: Calls of them.

    Returns:
        The network, and where in it each layer is.
    """
    groups = _groups(steps)
    insides = [tuple(dict.fromkeys(step.layer for step in group)) for _, group in groups]
    outer: dict[str, nn.Module] = {}
    calls: list[Step] = []
    where: dict[str, str] = {}
    now = INPUT
    for (name, group), inside in zip(groups, insides, strict=True):
        elsewhere = {layer for other in insides if other is not inside for layer in other}
        if len(inside) == 1 or elsewhere.intersection(inside):
            outer |= {layer: layers[layer] for layer in inside}
            where |= dict(zip(inside, inside, strict=True))
            calls += group
        else:
            own = free_name(name, {*outer, *layers} - set(inside))
            outer[own] = Network({layer: layers[layer] for layer in inside}, [_entered(step, now) for step in group])
            where |= {layer: f"{own}.{layer}" for layer in inside}
            calls.append(Step(own, (Ref(now),), {}, group[-1].gives))
        now = group[-1].gives
    return Network(outer, calls), where


def _entered(step: Step, entering: str) -> Step:
    """Let a call in a block take the block's input for the value that it is."""

    def renamed(value: Any) -> Any:
        return Ref(INPUT) if value == Ref(entering) else value

    return replace(step, args=leaves(step.args, renamed), kwargs=leaves(step.kwargs, renamed))


def _groups(steps: Sequence[Step]) -> list[tuple[str, list[Step]]]:
    """Cut calls where a single value passes, and join what follows each other under the name of one block."""
    ends = {name: place for place, step in enumerate(steps) for name in step.refs()}
    pieces: list[list[Step]] = [[]]
    live = {INPUT}
    for place, step in enumerate(steps):
        pieces[-1].append(step)
        live = {name for name in live | {step.gives} if ends.get(name, -1) > place or place + 1 == len(steps)}
        if live == {step.gives}:
            pieces.append([])
    groups: list[tuple[str, list[Step]]] = []
    for piece in filter(None, pieces):
        name = _block_of(piece)
        if groups and name == groups[-1][0]:
            groups[-1][1].extend(piece)
        else:
            groups.append((name, list(piece)))
    return groups


def _block_of(piece: Sequence[Step]) -> str:
    found = {match[1] if (match := BLOCK.fullmatch(step.layer)) else "" for step in piece}
    if len(found) == 1 and "" not in found:
        return found.pop()
    return piece[-1].layer
