"""Cut a network into ordered, named stages: by timm's own layer groups, by a list of layers, or by its children."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

Stages = dict[str, tuple[str, ...]]
PARAMETRISED = ".parametrizations."


def from_matcher(net: nn.Module) -> Stages:
    """Cut a timm network by its `group_matcher`, the layer groups that its author wrote down.

    A group is named after the shortest part of its parameters' names that no other group has
    ("blocks.0", "layer1"); the first group is "stem".

    Args:
        net: A network of timm.

    Returns:
        Parameter names of the network by stage.
    """
    from timm.models import group_parameters

    matcher = getattr(net, "group_matcher", None)
    if matcher is None:
        return from_children(net)
    by_place = group_parameters(net, matcher(coarse=True))
    groups = [tuple(by_place[place]) for place in sorted(by_place)]
    names = [_shortest_own_prefix(group, [n for g in groups if g is not group for n in g]) for group in groups]
    if "stem" not in names[1:]:
        names[0] = "stem"
    return dict(zip(names, groups, strict=True))


def from_layers(net: nn.Module) -> Stages:
    """Cut a network at its list of layers: "embeddings", "layers.0" …, and "final" for what comes after.

    The list is the `ModuleList` that holds the most parameters, so that a list inside of a layer is not taken.

    Args:
        net: A network that registers its modules in the order of use.

    Returns:
        Parameter names of the network by stage.
    """
    found = _layer_list(net)
    if found is None:
        return from_children(net)
    prefix, layers = found
    stages: dict[str, list[str]] = {}
    passed = False
    for name, _ in net.named_parameters():
        if name.startswith(f"{prefix}."):
            passed = True
            stage = f"layers.{name.removeprefix(f'{prefix}.').partition('.')[0]}"
        else:
            stage = "final" if passed else "embeddings"
        stages.setdefault(stage, []).append(name)
    order = ["embeddings", *(f"layers.{place}" for place in range(len(layers))), "final"]
    return {stage: tuple(stages[stage]) for stage in order if stage in stages}


def from_children(net: nn.Module) -> Stages:
    """Cut a network at its top-level children; parameters that hang directly on it are in the first stage, "own"."""
    stages: dict[str, list[str]] = {}
    for name, _ in net.named_parameters():
        child, dot, _ = name.partition(".")
        stages.setdefault(child if dot else "own", []).append(name)
    return {stage: tuple(names) for stage, names in stages.items()}


def prefixed(stages: Stages, prefix: str) -> Stages:
    """Put a prefix before each parameter name."""
    return {stage: tuple(prefix + name for name in names) for stage, names in stages.items()}


def plain(name: str) -> str:
    """Return the name that a parameter of a parametrised weight has as the weight: what is merged of it."""
    module, found, rest = name.partition(PARAMETRISED)
    return f"{module}.{rest.partition('.')[0]}" if found else name


def _shortest_own_prefix(group: Sequence[str], others: Sequence[str]) -> str:
    parts = group[0].split(".")
    for length in range(1, len(parts) + 1):
        prefix = ".".join(parts[:length])
        if not any(f"{other}.".startswith(f"{prefix}.") for other in others):
            return prefix
    raise AssertionError("two groups share a parameter")


def _layer_list(net: nn.Module) -> tuple[str, nn.ModuleList] | None:
    lists = [(name, module) for name, module in net.named_modules() if isinstance(module, nn.ModuleList)]
    lists = [(name, module) for name, module in lists if sum(_size(layer) > 0 for layer in module) > 1]
    return max(lists, key=lambda pair: _size(pair[1]), default=None)


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
