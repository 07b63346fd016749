"""What flows between a backbone's stages: the module that ends each stage, and the shapes of what it gives.

Hooks are set on these modules, so that no module is replaced and no parameter changes its name.
A hook must be a method of a module: then a copy of the network has hooks of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from headstart.core.types import Features
from headstart.models.dryrun import ROWS, Shape, Trace, dry_run, root, to_device
from headstart.models.model import Backbone, device_of
from headstart.models.stages import plain

PARTS = 2  # of an example at most, each of which goes through the network as a row of its own

CONTAINERS = (nn.ModuleList, nn.ModuleDict)  # they hold modules, and nothing calls them


def stage_modules(backbone: Backbone) -> dict[str, nn.Module]:
    """Find the module that ends each stage: the last one, in the order of registration, that lies wholly in it.

    Args:
        backbone: Cut into stages.

    Returns:
        The modules by stage. A stage without a module of its own, a lone parameter, is left out.
    """
    stages = {stage: frozenset(map(plain, names)) for stage, names in backbone.stages().items()}
    found = {stage: _last_within(backbone, "", names) for stage, names in stages.items()}
    return {stage: module for stage, module in found.items() if module is not None}


def stage_shapes(backbone: Backbone) -> dict[str, tuple[int, ...]]:
    """Measure what each stage gives for one example.

    Args:
        backbone: Cut into stages.

    Returns:
        Shapes by stage: [1, D], [1, T, D] or [1, C, H, W]. A stage that gives something else is left out, as is one
        that is left out by `channel_axes`.

    Raises:
        UsageError: The card does not say how large an example is.
    """
    axes = channel_axes(backbone)
    return {stage: tuple(hidden.shape) for stage, hidden in stage_outputs(backbone).items() if stage in axes}


def stage_outputs(backbone: Backbone) -> dict[str, torch.Tensor]:
    """Compute what each stage gives for one example, where its shape is one of `stage_shapes`.

    Args:
        backbone: Cut into stages.

    Returns:
        Hidden states by stage.

    Raises:
        UsageError: The card does not say how large an example is.
    """
    seen: dict[str, torch.Tensor] = {}
    handles = []
    for stage, module in stage_modules(backbone).items():

        def note(_: nn.Module, __: Any, output: Any, stage: str = stage) -> None:
            hidden = first(output)
            if isinstance(hidden, torch.Tensor) and hidden.ndim in (2, 3, 4) and len(hidden) <= PARTS:
                seen[stage] = hidden

        handles.append(module.register_forward_hook(note))
    try:
        probe(backbone)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def probe(backbone: Backbone) -> Features:
    """Compute the features of one made-up example, in evaluation mode.

    Args:
        backbone: Says what it takes.

    Returns:
        The features.

    Raises:
        UsageError: The card does not say how large an example is.
    """
    with evaluating(backbone), torch.no_grad():
        return backbone(example(backbone))


def example(backbone: Backbone) -> Any:
    """Make up one example of what a backbone takes.

    Args:
        backbone: Says what it takes.

    Returns:
        A batch of one, on the backbone's device.

    Raises:
        UsageError: The card does not say how large it is.
    """
    return to_device(backbone.card.input.blank(1), device_of(backbone))


def first(output: Any) -> Any:
    """Take the hidden state from what a module gives: the tensor, or the first of a tuple."""
    return output[0] if isinstance(output, tuple) else output


def with_first(output: Any, hidden: torch.Tensor) -> Any:
    """Put a hidden state in the place of the one that `first` takes."""
    return (hidden, *output[1:]) if isinstance(output, tuple) else hidden


def channel_axes(backbone: Backbone) -> dict[str, int]:
    """Find which axis of what each stage gives holds the channels: of [B, D] and [B, T, D] the last; maps differ.

    Args:
        backbone: Cut into stages.

    Returns:
        Axes by stage. A stage that ends with what is no batch, such as embeddings of positions, is left out.

    Raises:
        UsageError: The network cannot be run.
    """
    trace, names = dry_run(backbone), {module: name for name, module in root(backbone)[0].named_modules()}
    axes = {}
    for stage, module in stage_modules(backbone).items():
        call = trace.calls.get(names[module])
        if call is not None and len(call.gave) in (2, 3, 4) and call.gave[0] in (ROWS, PARTS * ROWS):
            axes[stage] = 1 if maps_first(backbone, trace, call.gave, call.end) else len(call.gave) - 1
    return axes


def maps_first(backbone: Backbone, trace: Trace, shape: Shape, until: int) -> bool:
    """Return whether a hidden state is maps [B, C, H, W]; where no layer tells, maps are laid out as the last ones.

    Args:
        backbone: Whose.
        trace: Trace of its dry run.
        shape: Shape of the hidden state.
        until: As in `Trace.channels_last`.

    Returns:
        False for [B, D], [B, T, D] and [B, H, W, C].
    """
    if len(shape) != 4:
        return False
    found = trace.channels_last(shape, until)
    return not (backbone.channels_last if found is None else found)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Set a module to evaluation mode inside the block, and each part back to its mode after it."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _last_within(module: nn.Module, prefix: str, own: Collection[str]) -> nn.Module | None:
    found = None
    for name, child in module.named_children():
        names = [plain(f"{prefix}{name}.{parameter}") for parameter, _ in child.named_parameters()]
        inside = sum(parameter in own for parameter in names)
        if inside and inside == len(names) and not isinstance(child, CONTAINERS):
            found = child
        elif inside:
            found = _last_within(child, f"{prefix}{name}.", own) or found
    return found
