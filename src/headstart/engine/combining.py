"""The update of a stage with a rule: gradients of each loss by the features, or by the common weights, made one.

The graph is cut behind the backbone. Each loss gives its gradient by the features there, which is cheap: only heads
are passed. What the rule makes of these goes through the backbone in one backward pass (Sener & Koltun 2018,
arXiv:1810.04650, section 3.3). By the weights it takes a backward pass a loss, each over the rows that it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import nn

from headstart.core.seeding import numpy_generator, seed_torch
from headstart.core.types import Batch, Update
from headstart.engine.build import BuiltStage
from headstart.engine.forward import Place, forward, fractions, is_finite, wrong_with
from headstart.models.paths import own_parameters

Gradients = Sequence[torch.Tensor | None]  # of some tensors; None where the loss does not depend on one


class NotFinite(Exception):
    """A loss is not finite: which one, and of which rows."""


@dataclass(frozen=True)
class Work:
    """One update: what is to be done, and over which weights. `common` are those of the backbone."""

    built: BuiltStage
    micro_batches: Sequence[Mapping[str, Batch]]
    update: Update
    learning: Sequence[nn.Parameter]
    place: Place

    @cached_property
    def common(self) -> list[nn.Parameter]:
        """What learns in the backbone and belongs to no target alone."""
        backbone = self.built.model.backbone
        inside = {id(p) for p in backbone.parameters()} - own_parameters(backbone)
        return [p for p in self.learning if id(p) in inside]

    @cached_property
    def private(self) -> list[nn.Parameter]:
        """What else learns: heads, what else is a target's own, and the objective's modules."""
        common = {id(p) for p in self.common}
        return [p for p in self.learning if id(p) not in common]

    def losses(self, number: int) -> tuple[dict[str, torch.Tensor], torch.Tensor | None, dict[str, torch.Tensor]]:
        """Compute a micro-batch's losses, what is added to them, and all by name, times its share of the rows."""
        batches = self.micro_batches[number]
        share = fractions(self.built, self.micro_batches)[number]
        named, added = forward(self.built, batches, self.update, self.learning, self.place, number)
        every = {name: loss.float() * share for name, loss in (named | added).items()}
        if not is_finite(self.built, torch.stack(list(every.values())).sum()):
            raise NotFinite(wrong_with(self.built, named | added, batches, self.place))
        more = torch.stack([every[name] for name in added]).sum() if added else None
        return {name: every[name] for name in named}, more, {n: loss.detach().double() for n, loss in every.items()}


@dataclass(frozen=True)
class Seen:
    """One micro-batch with the gradients of each of the objective's K losses, and last of what is added to them.

    losses: all by name, detached. names: the objective's. features: where the graph was cut, with what they were
    computed of. by_features, by_common, by_private: [K + 1] gradients by their copies, and by weights.
    """

    losses: Mapping[str, torch.Tensor]
    names: Sequence[str]
    features: Sequence[torch.Tensor]
    by_features: Sequence[Gradients]
    by_common: Sequence[Gradients]
    by_private: Sequence[Gradients]

    def through(self, gradients: Gradients, work: Work) -> Gradients:
        """Pass gradients by the features on to the common weights."""
        reached = [(tensor, g) for tensor, g in zip(self.features, gradients, strict=True) if g is not None]
        if not reached or not work.common:
            return [None] * len(work.common)
        tensors, given = zip(*reached, strict=True)
        return torch.autograd.grad(tensors, work.common, given, retain_graph=True, allow_unused=True)


def combined_gradients(
    built: BuiltStage,
    micro_batches: Sequence[Mapping[str, Batch]],
    update: Update,
    learning: Sequence[nn.Parameter],
    place: Place,
) -> tuple[dict[str, torch.Tensor], str]:
    """Set the gradients of one update as the stage's rule combines them.

    The rule sees the losses and the gradients of the whole batch, over all micro-batches and processes. Several
    micro-batches are computed twice, once to weigh their losses. (Batch norm that learns has then seen each twice.)

    Args:
        built: What learns, and how; its combiner has the rule.
        micro_batches: Micro-batches of each stream.
        update: Computes the losses.
        learning: What they are minimised over.
        place: Which update of which step.

    Returns:
        The fraction of each named loss, and what is wrong where one is not finite.
    """
    work = Work(built, micro_batches, update, learning, place)
    assert built.combiner is not None
    try:
        if built.combiner.rule.reads_gradients and work.common:
            return _by_gradients(work), ""
        return _by_losses(work), ""
    except NotFinite as error:
        return {}, str(error)


def _by_losses(work: Work) -> dict[str, torch.Tensor]:
    """Weigh the losses by their values."""
    numbers = range(len(work.micro_batches))
    sums: dict[str, torch.Tensor] = {}
    kept = None
    for number in numbers:
        with torch.set_grad_enabled(len(numbers) == 1):
            named, more, every = kept = work.losses(number)
        sums = _add(sums, every)
    assert kept is not None
    weights = _weigh(work, {name: sums[name] for name in kept[0]}, None)
    for number in numbers:
        named, more, _ = kept if len(numbers) == 1 else work.losses(number)
        total = torch.stack([weights[k].to(loss) * loss for k, loss in enumerate(named.values())]).sum()
        (total if more is None else total + more).backward(inputs=list(work.learning))
    return sums


def _by_gradients(work: Work) -> dict[str, torch.Tensor]:
    """Combine the gradients of the losses, by the features where these tell how they agree."""
    assert work.built.combiner is not None
    rule, world, count = work.built.combiner.rule, work.built.context.world, len(work.micro_batches)
    sums: dict[str, torch.Tensor] = {}
    gram: torch.Tensor | None = None
    common: list[Gradients] = []
    private: list[Gradients] = []
    seen = None
    for number in range(count):
        seen = _look(work, number)
        sums = _add(sums, seen.losses)
        found = _gram(list(zip(*seen.by_features[:-1], strict=True)), len(seen.names))
        gram = found if gram is None else gram + found
    assert seen is not None and gram is not None
    own = {name: sums[name] for name in seen.names}
    world.add_up([gram])
    agree = bool((gram - gram.diag().diag()).any()) or len(own) == 1
    if rule.on == "features" or (rule.on == "auto" and agree):
        weights = _weigh(work, own, gram)
        for number in range(count):
            seen = seen if count == 1 else _look(work, number)
            passed = [_combined(work, g[:-1], weights, g[-1]) for g in zip(*seen.by_features, strict=True)]
            direct = [_combined(work, g[:-1], weights, g[-1]) for g in zip(*seen.by_common, strict=True)]
            _grow(work.common, _sum(direct, seen.through(passed, work)))
            private = _sums(private, seen.by_private)
    else:
        for number in range(count):
            seen = seen if count == 1 else _look(work, number)
            passed = [seen.through(gradients, work) for gradients in seen.by_features]
            common = _sums(common, _sums(seen.by_common, passed))
            private = _sums(private, seen.by_private)
        if world.size > 1:
            each = [_whole(gradients, work.common) for gradients in common[:-1]]
            for gradients in each:
                world.add_up(gradients)
            common[:-1] = each
        gram = _gram(list(zip(*common[:-1], strict=True)), len(own))
        weights = _weigh(work, own, gram)
        seed_torch(work.built.context.seed, "combine", *work.place[:3])  # drawn as in one piece, and one process
        made = [_combined(work, g, weights, None) for g in zip(*common[:-1], strict=True)]
        _grow(work.common, made if world.is_writer else [None] * len(made))  # the others' are added to these
        _grow(work.common, common[-1])
    factors = weights if rule.weighs_losses else torch.ones_like(weights)
    _grow(work.private, [_weighted(g[:-1], factors, g[-1]) for g in zip(*private, strict=True)])
    return sums


def _look(work: Work, number: int) -> Seen:
    """Compute a micro-batch's losses and the gradients of each, up to where the graph is cut."""
    with work.built.model.cutting() as cuts:
        named, more, every = work.losses(number)
    inputs = [*cuts.leaves, *work.common, *work.private]
    rows: list[Gradients] = []
    for loss in (*named.values(), more):
        if loss is None or not loss.requires_grad:
            rows.append([None] * len(inputs))
        else:
            rows.append(torch.autograd.grad(loss, inputs, retain_graph=True, allow_unused=True))
    first, second = len(cuts.leaves), len(cuts.leaves) + len(work.common)
    parts = ([row[start:end] for row in rows] for start, end in ((0, first), (first, second), (second, None)))
    return Seen(every, list(named), cuts.features, *parts)


def _weigh(work: Work, losses: Mapping[str, torch.Tensor], gram: torch.Tensor | None) -> torch.Tensor:
    """Ask the rule for the weights of a step's losses, of which this process has its part."""
    built, place = work.built, work.place
    assert built.combiner is not None
    values = built.context.world.add(torch.stack(list(losses.values())).tolist())
    products = np.zeros((len(values), len(values))) if gram is None else gram.cpu().numpy()
    random = numpy_generator(built.context.seed, "combine", *place[:3])
    weights, after = built.combiner.weigh(dict(zip(losses, values, strict=True)), products, random)
    built.combiner.become(after)
    return torch.from_numpy(weights)


def _gram(by_tensor: Sequence[Gradients], count: int) -> torch.Tensor:
    """Compute the inner products of gradients, [K, K] float64, of which each tensor has a part."""
    found = torch.zeros(count, count, dtype=torch.float64)
    for gradients in by_tensor:
        rows = [k for k, g in enumerate(gradients) if g is not None]
        if rows:
            flat = torch.stack([g.float().flatten() for g in gradients if g is not None])
            found[np.ix_(rows, rows)] += (flat @ flat.T).double().cpu()
    return found


def _combined(
    work: Work, gradients: Gradients, weights: torch.Tensor, added: torch.Tensor | None
) -> torch.Tensor | None:
    """Make one gradient by a tensor of those of the losses, and add what comes besides."""
    assert work.built.combiner is not None
    like = next((g for g in gradients if g is not None), None)
    if like is None:
        return added
    flat = torch.stack([torch.zeros_like(like) if g is None else g for g in gradients]).flatten(1)
    made = work.built.combiner.rule.combine(flat, weights.to(like.device)).view_as(like)
    return made if added is None else made + added


def _weighted(gradients: Gradients, weights: torch.Tensor, added: torch.Tensor | None) -> torch.Tensor | None:
    """Add up gradients times their weights, and what comes besides; None where there are none."""
    found = [g * weight for g, weight in zip(gradients, weights.tolist(), strict=True) if g is not None]
    found += [] if added is None else [added]
    return torch.stack(found).sum(dim=0) if found else None


def _sum(one: Gradients, other: Gradients) -> Gradients:
    """Add gradients tensor by tensor; None where neither has one."""
    pairs = zip(one, other, strict=True)
    return [b if a is None else a if b is None else a + b for a, b in pairs]


def _sums(some: Sequence[Gradients], others: Sequence[Gradients]) -> list[Gradients]:
    """Add the gradients of each loss; at the start there are none."""
    return [_sum(one, other) for one, other in zip(some, others, strict=True)] if some else list(others)


def _whole(gradients: Gradients, of: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Put zeros where there is no gradient: another process may have one."""
    return [torch.zeros_like(p) if g is None else g.contiguous() for p, g in zip(of, gradients, strict=True)]


def _grow(parameters: Sequence[nn.Parameter], gradients: Gradients) -> None:
    """Add to the gradients of parameters, as a backward pass does."""
    for parameter, g in zip(parameters, gradients, strict=True):
        if g is not None:
            parameter.grad = g if parameter.grad is None else parameter.grad + g


def _add(sums: Mapping[str, torch.Tensor], more: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Add losses by name."""
    return {**sums, **{name: sums[name] + value if name in sums else value for name, value in more.items()}}
