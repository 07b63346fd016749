"""Several targets, one network: tensors that each target has of its own, and the way of each through the network.

The first target goes by the network's own tensors. For every other one the network is called with that target's in
their place (torch.func.functional_call), so that any architecture can be divided anywhere, and what all have in common
is there once. Features of all targets stand side by side; each head takes its part of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn
from torch.func import functional_call

from headstart.core.errors import UsageError
from headstart.core.learning import map_tensors
from headstart.core.types import Features
from headstart.models.model import Backbone, Model
from headstart.models.pooling import WHOLE
from headstart.models.surgery._around import Around, forward_of, set_forward
from headstart.models.tree import INSERTED

NAME = f"{INSERTED}paths"
OTHERWISE = "An earlier stage or run divided the network among targets otherwise. Divide it alike in all of them."


class OfEach(nn.ModuleList):
    """Modules of which each belongs to one target alone."""


class Paths(nn.Module):
    """What the targets but the first have of their own.

    Args:
        targets: All of them, in order.
        tensors: The network's parameters and buffers of which each target has one, by name; they are copied.
    """

    def __init__(self, targets: Sequence[str], tensors: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.targets = tuple(targets)
        self.names = tuple(tensors)
        self.own = OfEach(_Own(tensors) for _ in targets[1:])

    def of(self, target: str) -> dict[str, torch.Tensor]:
        """Return a target's own tensors, by the name of the network's; the first target has none."""
        place = self.targets.index(target)
        if not place:
            return {}
        own = self.own[place - 1]
        return {name: getattr(own, _attribute(name)) for name in self.names}


class _Own(nn.Module):
    def __init__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            copy = tensor.detach().clone()
            if isinstance(tensor, nn.Parameter):
                self.register_parameter(_attribute(name), nn.Parameter(copy, tensor.requires_grad))
            else:
                self.register_buffer(_attribute(name), copy)


class Through(Around):
    """Lets a batch through the network once for each target, or for the one that is asked for alone."""

    def __call__(self, x: Any) -> Features:
        """Compute the features of all targets, side by side."""
        paths = paths_of(self.backbone)
        assert paths is not None
        asked = [name for name in paths.targets if self.backbone.only in (None, name)]
        found = dict(zip(asked, self.of(paths, asked, x), strict=True))
        like = found[asked[0]]
        return _beside([found.get(name) or _zeros(like) for name in paths.targets])

    def of(self, paths: Paths, targets: Sequence[str], x: Any) -> list[Features]:
        """Compute the features of some targets."""
        return [self.run(paths.of(target), x) for target in targets]

    def run(self, own: Mapping[str, torch.Tensor], x: Any) -> Features:
        """Call the network with some tensors in the place of its own, by their names."""
        if not own:
            return self.within(x)
        named = {f"net.{name}": tensor for name, tensor in own.items()}
        return cast(Features, functional_call(_Net(self), named, (x,), tie_weights=False))


class _Net(nn.Module):
    """The network below what stands around it, as a module whose tensors can be replaced."""

    def __init__(self, through: Through) -> None:
        super().__init__()
        self.net, self._through = through.backbone, through

    def forward(self, x: Any) -> Features:
        return self._through.within(x)


def insert_paths(
    backbone: Backbone, targets: Sequence[str], own: Sequence[str], through: type[Through] = Through
) -> Paths:
    """Give each target but the first a copy of some tensors; those that are there already stay.

    Args:
        backbone: The network.
        targets: All of them, in order.
        own: Names of parameters and buffers.
        through: How a batch goes through the network.

    Returns:
        The copies.

    Raises:
        UsageError: The network is divided already, among other targets or otherwise.
    """
    if (present := paths_of(backbone)) is not None:
        if set(present.names) != set(own) or present.targets != tuple(targets):
            raise UsageError(OTHERWISE)
        return present
    if backbone.parts:
        raise UsageError(OTHERWISE)
    tensors = dict(backbone.named_parameters()) | dict(backbone.named_buffers())
    paths = Paths(targets, {name: tensors[name] for name in own})
    set_forward(backbone, through(backbone, forward_of(backbone)))
    backbone.add_module(NAME, paths)
    backbone.parts = dict(zip(targets, ((k, len(targets)) for k in range(len(targets))), strict=True))
    return paths


def remove_paths(backbone: Backbone) -> None:
    """Take the copies away."""
    through = forward_of(backbone)
    assert isinstance(through, Through)
    delattr(backbone, NAME)
    backbone.parts = {}
    if through.inner is None:
        object.__delattr__(backbone, "forward")
    else:
        set_forward(backbone, through.inner)


def divide(model: Model) -> None:
    """Let each head of a model take its part of the features."""
    for name, head in model.by_target().items():
        head.part = model.backbone.parts.get(name, WHOLE)


def own_parameters(backbone: nn.Module) -> set[int]:
    """Return the identities of the parameters that belong to one target alone."""
    found = {id(p) for module in backbone.modules() if isinstance(module, OfEach) for p in module.parameters()}
    if (paths := paths_of(backbone)) is not None:
        named = dict(backbone.named_parameters())
        found |= {id(named[name]) for name in paths.names if name in named}
    return found


def paths_of(backbone: nn.Module) -> Paths | None:
    """Return what the targets have of their own in a backbone; None where all is common."""
    return cast(Paths | None, getattr(backbone, NAME, None))


def _attribute(name: str) -> str:
    return name.replace(".", "/")  # a torch module takes no dots in the name of a tensor


def _beside(each: Sequence[Features]) -> Features:
    """Put features side by side; what is no feature (a mask, the prefix) is the same for all."""
    first = each[0]
    found: dict[str, Any] = {**first, "pooled": torch.cat([one["pooled"] for one in each], dim=1)}
    if "tokens" in first:
        found["tokens"] = torch.cat([one["tokens"] for one in each if "tokens" in one], dim=2)
    if "maps" in first:
        maps = zip(*(one["maps"] for one in each if "maps" in one), strict=True)
        found["maps"] = [torch.cat(level, dim=1) for level in maps]
    return cast(Features, found)


def _zeros(like: Features) -> Features:
    found = {key: value for key, value in like.items() if key in ("pooled", "tokens", "maps")}
    return cast(Features, map_tensors(found, torch.zeros_like))
