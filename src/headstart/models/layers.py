"""Find layers of a backbone by name or pattern, and put others in their place."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from headstart.core.errors import UsageError, first_few
from headstart.models.dryrun import Trace, root
from headstart.models.model import Backbone


class Removed(nn.Module):
    """Stands where a layer was taken out: passes on what it gets first, so that all other layers keep their names."""

    def __init__(self, as_tuple: bool = False) -> None:
        super().__init__()
        self.as_tuple = as_tuple

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Pass on; the caller may hand over masks and the like besides, whichever the layer took."""
        x = inputs[0] if inputs else next(iter(named.values()))
        return (x,) if self.as_tuple else x


def layer_names(backbone: Backbone) -> list[str]:
    """List the names of all layers: modules below `net`, at every depth."""
    return [name for name, _ in root(backbone)[0].named_modules() if name]


def get(backbone: Backbone, name: str) -> nn.Module:
    """Return the layer of a name that `find` or `find_one` gave."""
    return root(backbone)[0].get_submodule(name)


def put(backbone: Backbone, name: str, module: nn.Module) -> None:
    """Put a module in the place of a layer; it takes over the layer's mode."""
    parent_name, _, own = name.rpartition(".")
    parent = get(backbone, parent_name)
    old = parent.get_submodule(own)
    module.train(old.training)
    parent._modules[own] = module
    for other, value in list(vars(parent).items()):
        if value is old:  # an older name, which the parent's code still uses (rename)
            object.__setattr__(parent, other, module)


def find(backbone: Backbone, pattern: str, trace: Trace, what: str) -> list[str]:
    """Find the layers that a pattern names, the outermost ones.

    Args:
        backbone: The backbone whose layers are named.
        pattern: A pattern with * ? [abc], on dotted names ("blocks.4.*.act"); the name of a stage that is one layer;
            or, where nothing is called so, the end of dotted names.
        trace: Trace of the backbone's dry run.
        what: The operation, for messages.

    Returns:
        Names; none lies inside another.

    Raises:
        UsageError: No layer fits.
    """
    names = layer_names(backbone)
    pattern = pattern.removeprefix("net.") if "net" not in names else pattern
    fitting = [name for name in names if fnmatchcase(name, pattern)]
    if not fitting and (ending := stage_layers(backbone, trace).get(pattern, [])):
        if len(ending) > 1:
            raise UsageError(f"{what}: the stage '{pattern}' is several layers: {first_few(ending)}. Name those.")
        fitting = ending
    fitting = fitting or [name for name in names if fnmatchcase(name, f"*.{pattern}")]
    if not fitting:
        raise no_layer(backbone, pattern, what)
    return [name for name in fitting if not any(name.startswith(f"{other}.") for other in fitting)]


def find_one(backbone: Backbone, name: str, trace: Trace, what: str) -> str:
    """Find one layer that takes part in the forward pass; a stage stands for the layer that ends it.

    Args:
        backbone: The backbone whose layers are named.
        name: A layer, a stage, or the end of one layer's dotted name.
        trace: Trace of the backbone's dry run.
        what: The operation, for messages.

    Returns:
        The layer's name.

    Raises:
        UsageError: There is no such layer, or nothing calls it, or it is called several times.
    """
    names = layer_names(backbone)
    found = name.removeprefix("net.") if "net" not in names else name
    inner = [other for other in names if other.endswith(f".{found}")]
    if found not in names and len(inner) == 1 and name not in backbone.stages():
        found = inner[0]
    elif found not in names:
        ending = stage_layers(backbone, trace).get(name)
        if not ending:
            raise no_layer(backbone, name, what)
        found = ending[-1]
    call = trace.calls.get(found)
    if call is None:
        inside = [n for n in trace.calls if n.startswith(f"{found}.")]
        hint = f" It holds {first_few(_outermost(inside))}." if inside else ""
        raise UsageError(f"{what}: the layer '{found}' is not called when the network runs.{hint} Name another layer.")
    if not call.end:
        raise UsageError(f"{what}: the network was cut inside '{found}', so that it gives nothing. Name a layer in it.")
    if call.times > 1:
        raise UsageError(f"{what}: the layer '{found}' is used {call.times} times in one run, so its place is not one.")
    return found


def stage_layers(backbone: Backbone, trace: Trace) -> dict[str, list[str]]:
    """Return the outermost layers that lie wholly in each stage, in the order that they end."""
    top, prefix = root(backbone)
    found: dict[str, list[str]] = {}
    for stage, parameters in backbone.stages().items():
        own = set(parameters)
        within = [
            name
            for name, module in top.named_modules()
            if name in trace.calls
            and (inside := [f"{prefix}{name}.{p}" for p, _ in module.named_parameters()])
            and own.issuperset(inside)
        ]
        found[stage] = sorted(_outermost(within), key=lambda name: trace.calls[name].end)
    return found


def find_parameters(backbone: Backbone, patterns: Collection[str], what: str) -> list[str]:
    """Find parameters by patterns on their own names, on layers and on stages.

    Args:
        backbone: The backbone whose parameters are named.
        patterns: Patterns with * ? [abc]; a layer or a stage stands for all its parameters. "net." may be left out.
        what: The operation, for messages.

    Returns:
        Full names, as in `named_parameters`.

    Raises:
        UsageError: A pattern fits nothing.
    """
    return find_tensors(backbone, [name for name, _ in backbone.named_parameters()], patterns, what)


def find_tensors(backbone: Backbone, names: Sequence[str], patterns: Collection[str], what: str) -> list[str]:
    """Find tensors among names, parameters or buffers; a buffer is of the stage of its layer's parameters.

    Args:
        backbone: The backbone whose tensors are named.
        names: Full names to choose from.
        patterns: As for `find_parameters`.
        what: The operation, for messages.

    Returns:
        Those of the names that fit a pattern, in their order.

    Raises:
        UsageError: A pattern fits nothing.
    """
    stage_of: dict[str, str] = {}
    for stage, own in backbone.stages().items():
        for name in own:
            stage_of[name] = stage
            stage_of.setdefault(name.rpartition(".")[0], stage)
    chosen: set[str] = set()
    for pattern in patterns:
        fitting = {
            name
            for name in names
            if fits(pattern, name)
            or fnmatchcase(stage_of.get(name) or stage_of.get(name.rpartition(".")[0], ""), pattern)
        }
        fitting = fitting or {name for name in names if fits(f"*.{pattern}", name)}
        if not fitting:
            raise no_layer(backbone, pattern, what)
        chosen |= fitting
    return [name for name in names if name in chosen]


def fits(pattern: str, name: str) -> bool:
    """Return whether a pattern fits a tensor's name, or a layer that it lies in; the name's "net." may be left out."""
    spellings = (name, name.removeprefix("net."))
    return any(fnmatchcase(spelling, p) for spelling in spellings for p in (pattern, f"{pattern}.*"))


def no_layer(backbone: Backbone, name: str, what: str) -> UsageError:
    """Make the error for a name that fits no layer: the nearest ones, then the outermost names."""
    names = layer_names(backbone)
    stages = list(backbone.stages())
    near = difflib.get_close_matches(name, [*stages, *names], n=3, cutoff=0.5)
    hint = f" Nearest: {first_few(dict.fromkeys(near))}." if near else ""
    return UsageError(
        f"{what}: {backbone.card.name} has no layer '{name}'.{hint} Stages: {first_few(stages)}. "
        f"Layers: {first_few([n for n in names if n.count('.') == 0])}. `headstart inspect` shows all."
    )


def _outermost(names: Sequence[str]) -> list[str]:
    return [name for name in names if not any(name.startswith(f"{other}.") for other in names)]
