"""The update of a stage with a rule: gradients of each loss by the features, or by the common weights, made one.

The graph is cut behind the backbone. Each loss gives its gradient by the features there, which is cheap: only heads
are passed. What the rule makes of these goes through the backbone in one backward pass (Sener & Koltun 2018,
arXiv:1810.04650, section 3.3). By the weights it takes a backward pass a loss, each over the rows that it is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from headstart.core.errors import TrainingError
from headstart.core.interface import option
from headstart.core.seeding import numpy_generator, seed_torch
from headstart.core.types import Batch, Rule, Update
from headstart.engine.build import BuiltStage
from headstart.engine.combiner import Combiner
from headstart.engine.forward import Place, forward, fractions, is_finite, remember, wrong_with
from headstart.engine.gradients import Gradients, added, added_each, combined, gram_of, grow, weighted, whole
from headstart.engine.memory import is_out_of_memory
from headstart.models.paths import own_parameters


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

    @cached_property
    def divided(self) -> bool:
        """Whether some of the private weights lie in the backbone, behind the cut."""
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
    by_features, by_common, by_private: [K + 1] gradients by their copies and by weights, those of `more` last.
    """

    named: Mapping[str, torch.Tensor]
    more: torch.Tensor | None
    every: Mapping[str, torch.Tensor]
    features: Sequence[torch.Tensor] = ()
    by_features: Sequence[Gradients] = ()
    by_common: Sequence[Gradients] = ()
    by_private: Sequence[Gradients] = ()

    def through(self, gradients: Gradients, common: Sequence[nn.Parameter]) -> Gradients:
        """Pass gradients by the features on to the common weights."""
        reached = [(tensor, g) for tensor, g in zip(self.features, gradients, strict=True) if g is not None]
        if not reached:
            return [None] * len(common)
        tensors, given = zip(*reached, strict=True)
        return torch.autograd.grad(tensors, common, given, retain_graph=True, allow_unused=True)


def combined_gradients(
    built: BuiltStage,
    micro_batches: Sequence[Mapping[str, Batch]],
    update: Update,
    learning: Sequence[nn.Parameter],
    place: Place,
) -> tuple[dict[str, torch.Tensor], str]:
    """Set the gradients of one update as the stage's rule combines them; the rest as `headstart.engine.step.gradients`.

    The rule sees the losses and the gradients of the whole batch, over all micro-batches and processes. Several
    micro-batches are computed twice, once to weigh their losses. (Batch norm that learns has then seen each twice.)
    What the rule remembers moves on once nothing can go wrong any more.
    """
    assert built.combiner is not None
    work = Work(built, built.combiner, micro_batches, update, learning, place)
    world, alone, put_back = built.context.world, len(micro_batches) == 1, remember(built)
    sums: dict[str, torch.Tensor] = {}
    gram, first, wrong = torch.zeros(()), None, ""
    try:
        for number in range(len(micro_batches)):
            with torch.set_grad_enabled(work.by_gradients or alone):
                first = _look(work, number)
            sums = {**sums, **{name: sums.get(name, 0) + value for name, value in first.every.items()}}
            gram = gram + (
                gram_of(first.by_features[:-1]) if work.by_gradients else torch.zeros(2 * (len(first.named),))
            )
    except NotFinite as error:
        wrong = str(error)
    if world.most(float(bool(wrong))) or first is None:
        return sums, wrong

    def again() -> Iterator[Seen]:
        if not alone:
            put_back()
        yield from [first] if alone else (_look(work, number) for number in range(len(micro_batches)))

    own = {name: sums[name] for name in first.named}
    try:
        after = (_by_gradients if work.by_gradients else _by_losses)(work, again(), own, gram)
    except (RuntimeError, MemoryError) as error:
        if world.size > 1 and is_out_of_memory(error):  # the other processes do not wait for a second try
            raise TrainingError(
                f"Memory ran out ({type(error).__name__}) while gradients of several losses were combined, which "
                f"several processes do together. Use a smaller {option('batch-size')} or more micro-batches "
                "(accumulate)."
            ) from error
        raise
    built.combiner.become(after)
    return sums, ""


def _by_losses(work: Work, again: Iterable[Seen], own: Mapping[str, torch.Tensor], gram: torch.Tensor) -> Combiner:
    """Weigh the losses by their values."""
    weights, after = _weigh(work, own, gram)
    for seen in again:
        losses = [weight.to(loss) * loss for weight, loss in zip(weights, seen.named.values(), strict=True)]
        losses += [] if seen.more is None else [seen.more]
        torch.stack(losses).sum().backward(inputs=list(work.learning))
    return after


def _by_gradients(work: Work, again: Iterable[Seen], own: Mapping[str, torch.Tensor], gram: torch.Tensor) -> Combiner:
    """Combine the gradients of the losses, by the features where these tell how they agree."""
    rule, world, private = work.combiner.rule, work.built.context.world, []
    world.add_up([gram])
    tell = bool((gram - gram.diag().diag()).any()) or len(own) == 1
    if rule.on == "features" or (rule.on == "auto" and tell):
        weights, after = _weigh(work, own, gram)
        for seen in again:
            passed = added(combined(seen.by_features[:-1], rule, weights), seen.by_features[-1])
            direct = added(combined(seen.by_common[:-1], rule, weights), seen.by_common[-1])
            grow(work.common, added(direct, seen.through(passed, work.common)))
            private = added_each(private, seen.by_private)
            if work.divided:
                sums = added(weighted(seen.by_features[:-1], _factors(rule, weights)), seen.by_features[-1])
                grow(work.private, seen.through(sums, work.private))
    else:
        common: list[Gradients] = []
        for seen in again:
            passed = [seen.through(gradients, [*work.common, *work.private]) for gradients in seen.by_features]
            first = len(work.common)
            common = added_each(common, added_each(seen.by_common, [each[:first] for each in passed]))
            private = added_each(private, added_each(seen.by_private, [each[first:] for each in passed]))
        each = [whole(gradients, work.common) for gradients in common[:-1]] if world.size > 1 else common[:-1]
        for gradients in each:
            world.add_up([g for g in gradients if g is not None])
        weights, after = _weigh(work, own, gram_of(each))
        seed_torch(work.built.context.seed, "combine", *work.place[:3])  # drawn as in one piece, and one process
        made = combined(each, rule, weights)
        grow(work.common, made if world.is_writer else [None] * len(made))  # the others' are added to these
        grow(work.common, common[-1])
    grow(work.private, added(weighted(private[:-1], _factors(rule, weights)), private[-1]))
    return after


def _factors(rule: Rule, weights: torch.Tensor) -> torch.Tensor:
    """Return by how much each loss counts in what is private."""
    return weights if rule.weighs_losses else torch.ones_like(weights)


def _look(work: Work, number: int) -> Seen:
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
    named, more = forward(work.built, batches, work.update, work.learning, work.place, number)
    every = {name: loss.float() * share for name, loss in (named | more).items()}
    if not is_finite(work.built, torch.stack(list(every.values())).sum()):
        raise NotFinite(wrong_with(work.built, named | more, batches, work.place))
    rest = torch.stack([every[name] for name in more]).sum() if more else None
    return {name: every[name] for name in named}, rest, {name: loss.detach().double() for name, loss in every.items()}


def _weigh(work: Work, losses: Mapping[str, torch.Tensor], gram: torch.Tensor) -> tuple[torch.Tensor, Combiner]:
    """Ask the rule for the weights of a step's losses, of which this process has its part."""
    context = work.built.context
    values = context.world.add(torch.stack(list(losses.values())).tolist())
    random = numpy_generator(context.seed, "combine", *work.place[:3])
    weights, after = work.combiner.weigh(dict(zip(losses, values, strict=True)), gram.numpy(), random)
    return torch.from_numpy(weights), after
