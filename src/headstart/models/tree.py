"""A backbone or a model as a tree of stages and layers: names, output shapes, parameters, and what learns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from headstart.models.cards import card_to_plain
from headstart.models.dryrun import Shape, Trace, dry_run, root, show
from headstart.models.layers import stage_layers
from headstart.models.model import Backbone, Model

INSERTED = "inserted_"  # a strategy's own modules in a backbone are named so


@dataclass(frozen=True)
class Layer:
    """A stage, a layer or a lone parameter. `shape` is what it gives in a dry run, () where nothing calls it."""

    name: str
    kind: str
    shape: Shape
    parameters: int
    learning: int
    children: tuple[Layer, ...] = ()

    @property
    def state(self) -> str:
        """The state of its parameters: "learns", "frozen", "part learns", or "" without parameters."""
        if not self.parameters:
            return ""
        return {0: "frozen", self.parameters: "learns"}.get(self.learning, "part learns")

    def to_plain(self, depth: int | None = None) -> dict[str, Any]:
        """Return nested dicts; B in the shape is null."""
        deeper = () if depth == 0 else self.children
        below = None if depth is None else depth - 1
        return {
            "name": self.name,
            "kind": self.kind,
            "shape": [None, *self.shape[1:]] if self.shape else None,
            "parameters": self.parameters,
            "learning": self.learning,
            "layers": [child.to_plain(below) for child in deeper],
        }


@dataclass(frozen=True)
class Inspection:
    """A network's tree. It is shown to a depth of 2: stages, and the layers in them."""

    card: dict[str, Any]
    dim: int
    stages: tuple[Layer, ...]

    def to_plain(self, depth: int | None = None) -> dict[str, Any]:
        """Return the JSON object that `headstart inspect --json` prints last; depth 1 is the stages alone."""
        stages = [stage.to_plain(None if depth is None else depth - 1) for stage in self.stages]
        return {"card": self.card, "dim": self.dim, "stages": stages}

    def _rows(self, depth: int | None) -> Iterator[tuple[str, str, str, str, str]]:
        for stage in self.stages:
            yield from _rows(stage, 0, depth)

    def __repr__(self) -> str:
        """Show it to a depth of 2."""
        return self.text()

    def text(self, depth: int | None = 2) -> str:
        """Write the tree as lines; depth 1 is the stages alone, None is everything."""
        table = [("layer", "kind", "output", "parameters", ""), *self._rows(depth)]
        widths = [max(len(row[column]) for row in table) for column in range(5)]
        lines = [
            f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {shape:<{widths[2]}}  {count:>{widths[3]}}  {state}".rstrip()
            for name, kind, shape, count, state in table
        ]
        total, learning = (sum(getattr(s, key) for s in self.stages) for key in ("parameters", "learning"))
        return "\n".join([*lines, f"{total:,} parameters, of which {learning:,} learn; features [B, {self.dim}]"])


def inspect_network(network: Backbone | Model) -> Inspection:
    """Run a network once and describe it.

    Args:
        network: A backbone, or a model with its heads; is left as it was.

    Returns:
        The tree, with a stage for the modules that a strategy inserted, and for each head.

    Raises:
        UsageError: The network fails on an empty example.
    """
    backbone = network.backbone if isinstance(network, Model) else network
    trace = dry_run(backbone)
    stages = _stages(backbone, trace)
    own = {name: module for name, module in backbone.named_children() if name.startswith(INSERTED)}
    heads = {f"heads.{name}": head for name, head in network.heads.items()} if isinstance(network, Model) else {}
    for name, module in (own | heads).items():
        children = tuple(_layer(f"{name}.{n}", m, Trace(), {}) for n, m in module.named_children() if _size(m))
        stages.append(Layer(name, type(module).__name__, (), _size(module), _learning(module, {}), children))
    card = card_to_plain(backbone.card)
    return Inspection({**card, "labels": len(card["labels"])}, backbone.dim, tuple(stages))


def _stages(backbone: Backbone, trace: Trace) -> list[Layer]:
    top, prefix = root(backbone)
    overrides = {name.removeprefix(prefix): frozen for name, frozen in backbone.freeze_overrides.items()}
    parameters = dict(backbone.named_parameters())
    members = stage_layers(backbone, trace)
    for stage, name in _without_parameters(top, trace, members):
        members[stage].append(name)
    stages = []
    for stage, own in backbone.stages().items():
        names = sorted(members[stage], key=lambda n: trace.calls[n].start)
        children = [_layer(name, top.get_submodule(name), trace, overrides) for name in names]
        alone = [n for n in own if not any(n.startswith(f"{prefix}{name}.") for name in names)]
        lone = [
            Layer(
                n.removeprefix(prefix),
                "Parameter",
                tuple(parameters[n].shape),
                parameters[n].numel(),
                _counts(parameters[n], overrides.get(n.removeprefix(prefix))),
            )
            for n in alone
        ]
        ending = max(names, key=lambda n: trace.calls[n].end, default="")
        if not lone and [child.name for child in children] == [stage]:
            stages.append(children[0])
            continue
        stages.append(
            Layer(
                stage,
                "stage",
                trace.calls[ending].gave if ending else (),
                sum(parameters[n].numel() for n in own),
                sum(_counts(parameters[n], overrides.get(n.removeprefix(prefix))) for n in own),
                (*lone, *children),
            )
        )
    return stages


def _without_parameters(top: nn.Module, trace: Trace, members: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Return layers without parameters, such as poolings, with the stage in which they are called."""
    stage_of = {name: stage for stage, names in members.items() for name in names}
    if not members:  # of a backbone without any parameter
        return
    stage = next(iter(members))
    for name in sorted(trace.calls, key=lambda n: trace.calls[n].start):
        if name in stage_of:
            stage = stage_of[name]
            continue
        inside = any(name.startswith(f"{other}.") for other in stage_of)
        module = top.get_submodule(name)
        if not inside and not _size(module) and not isinstance(module, nn.Identity):
            stage_of[name] = stage
            yield stage, name


def _layer(name: str, module: nn.Module, trace: Trace, overrides: dict[str, bool]) -> Layer:
    own = {key[len(name) + 1 :]: frozen for key, frozen in overrides.items() if key.startswith(f"{name}.")}
    children = [
        _layer(f"{name}.{key}", child, trace, overrides)
        for key, child in module.named_children()
        if _size(child) or (f"{name}.{key}" in trace.calls and not isinstance(child, nn.Identity))
    ]
    if children:
        lone = [
            Layer(f"{name}.{key}", "Parameter", tuple(p.shape), p.numel(), _counts(p, own.get(key)))
            for key, p in module.named_parameters(recurse=False)
        ]
        children = [*lone, *children]
    shape = trace.calls[name].gave if name in trace.calls else ()
    return Layer(name, type(module).__name__, shape, _size(module), _learning(module, own), tuple(children))


def _learning(module: nn.Module, overrides: dict[str, bool]) -> int:
    return sum(_counts(parameter, overrides.get(name)) for name, parameter in module.named_parameters())


def _counts(parameter: nn.Parameter, overrides: bool | None) -> int:
    learns = parameter.requires_grad if overrides is None else not overrides
    return parameter.numel() if learns else 0


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _rows(layer: Layer, level: int, depth: int | None) -> Iterator[tuple[str, str, str, str, str]]:
    shape = str(list(layer.shape)) if layer.kind == "Parameter" else show(layer.shape) if layer.shape else ""
    count = f"{layer.parameters:,}" if layer.parameters else ""
    yield "  " * level + layer.name, layer.kind, shape, count, layer.state
    if depth is None or level + 1 < depth:
        for child in layer.children:
            yield from _rows(child, level + 1, depth)
