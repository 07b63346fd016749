"""Schemes in which each target has tensors of its own of what the strategy lets learn."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import torch
from torch import nn

from headstart.core.errors import UsageError, first_few, unknown
from headstart.core.plugins import name_of
from headstart.core.sharing import Scheme
from headstart.core.types import Strategy, Tuning
from headstart.models.model import Backbone, Model
from headstart.models.paths import NAME, Paths, divide, insert_paths, paths_of, remove_paths
from headstart.models.stages import plain

Copies = Mapping[str, Sequence[nn.Parameter]]


class OwnTensors(Scheme):
    """Copies what learns in some stages for each target; what does not learn is there once."""

    @abstractmethod
    def is_own(self, backbone: Backbone) -> Any:
        """Return a function that says of a parameter, by its name, whether each target has one of its own."""

    def put_in(self, backbone: Backbone, targets: Sequence[str], own: Sequence[str]) -> Paths:
        """Give the targets copies of some tensors, by their names, unless they have them."""
        return insert_paths(backbone, targets, own)

    def complete(self, backbone: Backbone, tuning: Tuning, common: Sequence[nn.Parameter], copies: Copies) -> Tuning:
        """Add what the scheme does in training.

        Args:
            backbone: Has the copies.
            tuning: With the copies in its groups.
            common: What learns in the backbone and is there once.
            copies: By the parameter's name, those of all targets.

        Returns:
            The tuning.
        """
        return tuning

    def prepare(self, model: Model, strategy: Strategy) -> Tuning:
        """Let the strategy prepare the model, then copy what learns and is each target's own."""
        backbone, targets = model.backbone, list(model.heads)
        if len(targets) < 2:
            raise UsageError(f"{name_of(self)} divides a network among several targets, and there is one.")
        is_own = self.is_own(backbone)
        tuning = strategy.prepare(model)
        learning = {id(p) for group in tuning.groups for p in group.params}
        named = {name: p for name, p in backbone.named_parameters() if not name.startswith(f"{NAME}.")}
        frozen = {name for name in named if backbone.freeze_overrides.get(plain(name))}  # by surgery
        own = [name for name, p in named.items() if id(p) in learning and name not in frozen and is_own(plain(name))]
        if not own:
            raise UsageError(
                f"{name_of(self)}: of what is each target's own nothing learns by {name_of(strategy)}. Choose a "
                "smaller common part, or another strategy."
            )
        modules = {name.rpartition(".")[0] for name in own}
        own += [name for name, _ in backbone.named_buffers() if name.rpartition(".")[0] in modules]
        paths = self.put_in(backbone, targets, own)
        divide(model)
        self._record(backbone, paths)
        copies = {name: [named[name], *(paths.of(t)[name] for t in targets[1:])] for name in own if name in named}
        more = {id(each[0]): each[1:] for each in copies.values()}
        inside = {id(p) for p in paths.parameters()}
        tuning.groups = [
            dataclasses.replace(
                group,
                params=[q for p in group.params if id(p) not in inside for q in (p, *more.get(id(p), ()))],
            )
            for group in tuning.groups
        ]
        merge = tuning.merge
        if merge is not None:
            tuning.merge = lambda: self._merge(model, merge)
        common = [p for name, p in named.items() if id(p) in learning and name not in copies]
        return self.complete(backbone, tuning, common, copies)

    def insert(self, backbone: Backbone, targets: Sequence[str], own: Sequence[str]) -> None:
        """Copy the tensors that are recorded."""
        self.put_in(backbone, targets, own)
        backbone.card = dataclasses.replace(backbone.card, inserted=(*backbone.card.inserted, self.entry(targets, own)))

    def _merge(self, model: Model, merge: Any) -> None:
        """Fold what the strategy inserted into the weights of each target."""
        backbone = model.backbone
        paths = paths_of(backbone)
        assert paths is not None
        names = list(dict.fromkeys(plain(name) for name in paths.names))
        merged = {}
        for target in paths.targets[1:]:
            with _swapped(backbone, paths.of(target)), torch.no_grad():
                merged[target] = {name: attrgetter(name)(backbone).detach().clone() for name in names}
        remove_paths(backbone)
        merge()
        paths = self.put_in(backbone, paths.targets, names)
        for target, tensors in merged.items():
            for name, tensor in paths.of(target).items():
                tensor.data.copy_(tensors[name])
        divide(model)
        self._record(backbone, paths)

    def _record(self, backbone: Backbone, paths: Paths) -> None:
        others = [entry for entry in backbone.card.inserted if entry.get("kind") != "sharing"]
        entry = self.entry(paths.targets, paths.names)
        backbone.card = dataclasses.replace(backbone.card, inserted=(*others, entry))


def common_stages(backbone: Backbone, common: str | None, scheme: Any) -> set[str]:
    """Return the names of the parameters in the common part.

    Args:
        backbone: Has the stages.
        common: Stages in the common part, from the input: how many, or the name of the last one; None takes all but
            the last stage.
        scheme: Who asks, for messages.

    Returns:
        Names.

    Raises:
        UsageError: There is no such stage, or nothing would be left for the targets.
    """
    stages = backbone.stages()
    names = list(stages)
    if common is not None and not common.isdecimal() and common not in stages:
        raise unknown("stage", common, names)
    count = len(names) - 1 if common is None else int(common) if common.isdecimal() else names.index(common) + 1
    if not 0 < count < len(names):
        raise UsageError(
            f"{name_of(scheme)}, common={common}: {backbone.card.name} has {len(names)} stages ({first_few(names)}); "
            f"the common part takes 1 to {len(names) - 1}."
        )
    return {name for stage in names[:count] for name in stages[stage]}


@contextmanager
def _swapped(backbone: Backbone, tensors: dict[str, torch.Tensor]) -> Iterator[None]:
    """Put a target's tensors into the network inside the block."""
    named = dict(backbone.named_parameters()) | dict(backbone.named_buffers())
    before = {name: named[name].detach().clone() for name in tensors}
    try:
        for name, tensor in tensors.items():
            named[name].data.copy_(tensor)
        yield
    finally:
        for name, tensor in before.items():
            named[name].data.copy_(tensor)
