"""Schemes in which several small networks, experts, stand behind the backbone, and each target mixes them by a gate."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.plugins import name_of
from headstart.core.sharing import Scheme
from headstart.core.types import Features, ParamGroup, Strategy, Tuning
from headstart.models.model import Backbone, Model, device_of
from headstart.models.paths import OTHERWISE, OfEach, divide
from headstart.models.surgery._around import Around, forward_of, set_forward
from headstart.models.tree import INSERTED

NAME = f"{INSERTED}experts"


class Level(nn.Module):
    """Experts that all targets mix, experts of each target's own, and the gates.

    Args:
        width: D, of features and of what experts give.
        targets: K, how many.
        shared: Experts that every target mixes.
        own: Experts of each target besides.
        passes: Whether there is a gate for what goes on to a next level in common.
    """

    def __init__(self, width: int, targets: int, shared: int, own: int, *, passes: bool) -> None:
        super().__init__()
        self.shared = nn.ModuleList(_expert(width) for _ in range(shared))
        self.own = OfEach(nn.ModuleList(_expert(width) for _ in range(own)) for _ in range(targets))
        self.gates = OfEach(nn.Linear(width, shared + own, bias=False) for _ in range(targets))
        self.gate = nn.Linear(width, shared + targets * own, bias=False) if passes else None

    def forward(self, common: torch.Tensor, each: Sequence[torch.Tensor]) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Mix.

        Args:
            common: [B, D].
            each: What each target has, K of [B, D].

        Returns:
            What goes on in common, and what each target gets.
        """
        shared = [expert(common) for expert in self.shared]
        own = [
            [expert(x) for expert in cast(nn.ModuleList, experts)] for experts, x in zip(self.own, each, strict=True)
        ]
        mixed = [_mix(gate(x), [*mine, *shared]) for gate, x, mine in zip(self.gates, each, own, strict=True)]
        if self.gate is None:
            return common, mixed
        return _mix(self.gate(common), [*(out for mine in own for out in mine), *shared]), mixed


def _expert(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU())


def _mix(scores: torch.Tensor, outputs: Sequence[torch.Tensor]) -> torch.Tensor:
    """Average outputs [B, D] by the softmax of scores [B, N]."""
    return (scores.softmax(dim=1)[:, :, None] * torch.stack(list(outputs), dim=1)).sum(dim=1)


class Mixed(Around):
    """Lets the pooled features of a network through its experts: those of all targets, side by side."""

    def __call__(self, x: Any) -> Features:
        """Compute the features of all targets."""
        levels = cast(nn.ModuleList, getattr(self.backbone, NAME))
        common = self.within(x)["pooled"]
        each = [common] * len(self.backbone.parts)
        for level in levels:
            common, each = level(common, each)
        return Features(pooled=torch.cat(each, dim=1))


class Experts(Scheme):
    """Puts experts behind the backbone, which all targets have in common."""

    @abstractmethod
    def levels(self, width: int, targets: int) -> list[Level]:
        """Make the levels of experts, first to last."""

    def prepare(self, model: Model, strategy: Strategy) -> Tuning:
        """Let the strategy prepare the model, then put the experts in; they learn as fast as the heads."""
        targets = list(model.heads)
        if len(targets) < 2:
            raise UsageError(f"{name_of(self)} lets several targets mix experts, and there is one.")
        tuning = strategy.prepare(model)
        if any(head.pooling != "auto" for head in model.by_target().values()):
            raise UsageError(f"{name_of(self)} mixes pooled features: use the head's pooling 'auto'.")
        entry = self.entry(targets, ())
        if not model.backbone.parts:
            self.insert(model.backbone, targets, ())
        elif entry not in model.backbone.card.inserted:
            raise UsageError(OTHERWISE)
        divide(model)
        experts = getattr(model.backbone, NAME)
        known = {id(p) for group in tuning.groups for p in group.params}
        learning = [p for p in experts.parameters() if id(p) not in known]
        tuning.groups.append(ParamGroup(learning, max(group.lr_scale for group in tuning.groups)))
        return tuning

    def insert(self, backbone: Backbone, targets: Sequence[str], own: Sequence[str]) -> None:
        """Put the experts behind the backbone."""
        levels = nn.ModuleList(self.levels(backbone.dim, len(targets)))
        backbone.add_module(NAME, levels.to(device_of(backbone)))
        backbone.parts = {name: (place, len(targets)) for place, name in enumerate(targets)}
        set_forward(backbone, Mixed(backbone, forward_of(backbone)))
        backbone.card = dataclasses.replace(backbone.card, inserted=(*backbone.card.inserted, self.entry(targets, ())))
