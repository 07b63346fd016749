"""What a rule looks at: the losses of a micro-batch, and the gradients of each up to where the graph is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from headstart.core.types import Batch, Update
from headstart.engine.build import BuiltStage
from headstart.engine.combiner import Combiner
from headstart.engine.forward import Place, forward, fractions, is_finite, wrong_with
from headstart.engine.gradients import Gradients, common_weights


class NotFinite(Exception):
    """A loss is not finite: which one, and of which rows."""


@dataclass(frozen=True)
class Work:
    """One update: what is to be done, and over which weights."""

    built: BuiltStage
    combiner: Combiner
    micro_batches: Sequence[Mapping[str, Batch]]
    update: Update
    learning: Sequence[nn.Parameter]
    place: Place

    @cached_property
    def weights(self) -> list[list[nn.Parameter]]:
        """What learns and the losses have in common: each weight by the parameters that stand for it."""
        return common_weights(self.built.model.backbone, self.built.tuning.tied, self.learning)

    @cached_property
    def common(self) -> list[nn.Parameter]:
        """The parameters that stand for common weights."""
        return [p for copies in self.weights for p in copies]

    @cached_property
    def private(self) -> list[nn.Parameter]:
        """What else learns: a target's own part of the backbone, heads, and the objective's modules."""
        common = {id(p) for p in self.common}
        return [p for p in self.learning if id(p) not in common]

    @cached_property
    def is_divided(self) -> bool:
        """Whether some of what else learns lies in the backbone, where losses reach it by the features."""
        inside = {id(p) for p in self.built.model.backbone.parameters()}
        return any(id(p) in inside for p in self.private)

    @property
    def by_gradients(self) -> bool:
        """Whether there are gradients to combine: of a rule that reads them, and of weights in common."""
        return self.combiner.rule.reads_gradients and bool(self.common)


@dataclass(frozen=True)
class Seen:
    """One micro-batch with its losses, times its share of the rows.

    named: the objective's K losses. more: the sum of what is added to them; None without any. every: all by name,
    detached. Where gradients are combined: features: where the graph was cut, with what they were computed of.
    by_features, by_common, by_private: [K + 1] gradients by their copies, and by weights but for those that reach them
    by the features; those of `more` last.
    """

    named: Mapping[str, torch.Tensor]
    more: torch.Tensor | None
    every: Mapping[str, torch.Tensor]
    features: Sequence[torch.Tensor] = ()
    by_features: Sequence[Gradients] = ()
    by_common: Sequence[Gradients] = ()
    by_private: Sequence[Gradients] = ()

    def through(self, gradients: Gradients, weights: Sequence[nn.Parameter]) -> Gradients:
        """Pass gradients by the features on to weights."""
        reached = [(tensor, g) for tensor, g in zip(self.features, gradients, strict=True) if g is not None]
        if not reached:
            return [None] * len(weights)
        tensors, given = zip(*reached, strict=True)
        return torch.autograd.grad(tensors, weights, given, retain_graph=True, allow_unused=True)


def look(work: Work, number: int) -> Seen:
    """Compute a micro-batch's losses, and where gradients are combined those of each up to where the graph is cut."""
    if not work.by_gradients:
        return Seen(*_losses(work, number))
    with work.built.model.cutting() as cuts:
        named, more, every = _losses(work, number)
    inputs = [*cuts.leaves, *work.common, *work.private]
    rows: list[Gradients] = []
    for loss in (*named.values(), more):
        if loss is None or not loss.requires_grad:
            rows.append([None] * len(inputs))
        else:
            rows.append(torch.autograd.grad(loss, inputs, retain_graph=True, allow_unused=True))
    first, second = len(cuts.leaves), len(cuts.leaves) + len(work.common)
    parts = ([row[start:end] for row in rows] for start, end in ((0, first), (first, second), (second, None)))
    return Seen(named, more, every, cuts.features, *parts)


def _losses(work: Work, number: int) -> tuple[dict[str, torch.Tensor], torch.Tensor | None, dict[str, torch.Tensor]]:
    """Compute a micro-batch's losses, what is added to them, and all by name, detached; times its share of the rows."""
    batches, share = work.micro_batches[number], fractions(work.built, work.micro_batches)[number]
    named, more = forward(work.built, batches, work.update, work.place, number)
    every = {name: loss.float() * share for name, loss in (named | more).items()}
    if not is_finite(work.built, torch.stack(list(every.values())).sum()):
        raise NotFinite(wrong_with(work.built, named | more, batches, work.place))
    rest = torch.stack([every[name] for name in more]).sum() if more else None
    return {name: every[name] for name in named}, rest, {name: loss.detach().double() for name, loss in every.items()}
