"""The update of a stage with a rule: gradients of each loss by the features, or by the common weights, made one.

The graph is cut behind the backbone. Each loss gives its gradient by the features there, which is cheap: only heads
are passed. What the rule makes of these goes through the backbone in one backward pass (Sener & Koltun 2018,
arXiv:1810.04650, section 3.3). By the weights it takes a backward pass a loss, each over the rows that it is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import nn

from headstart.core.errors import TrainingError
from headstart.core.interface import option
from headstart.core.seeding import numpy_generator, seed_torch
from headstart.core.types import Batch, Rule, Update
from headstart.engine.build import BuiltStage
from headstart.engine.combiner import Combiner
from headstart.engine.forward import Place, remember
from headstart.engine.gradients import (
    Gradients,
    added,
    added_each,
    by_weight,
    combined,
    gram_of,
    grow,
    pass_on,
    tie,
    weighted,
    whole,
)
from headstart.engine.looking import NotFinite, Seen, Work, look
from headstart.engine.memory import is_out_of_memory


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
                first = look(work, number)
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
        yield from [first] if alone else (look(work, number) for number in range(len(micro_batches)))

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
    pass_on(work.built.model.backbone, work.built.tuning.tied, work.learning)
    return after


def _by_gradients(work: Work, again: Iterable[Seen], own: Mapping[str, torch.Tensor], gram: torch.Tensor) -> Combiner:
    """Combine the gradients of the losses, by the features where these tell how they agree."""
    rule, world, tied = work.combiner.rule, work.built.context.world, work.built.tuning.tied
    world.add_up([gram])
    tell = bool((gram - gram.diag().diag()).any()) or len(own) == 1
    if tied is None and (rule.on == "features" or (rule.on == "auto" and tell)):
        weights, after = _weigh(work, own, gram)
        for seen in again:
            passed, direct = (_agreed(rule, weights, each) for each in (seen.by_features, seen.by_common))
            grow(work.common, added(direct, seen.through(passed, work.common)))
            grow(work.private, _alone(rule, weights, seen.by_private))
            if work.is_divided:
                grow(work.private, seen.through(_alone(rule, weights, seen.by_features), work.private))
        return after
    count, rows = len(work.common), []
    for seen in again:
        passed = [seen.through(gradients, [*work.common, *work.private]) for gradients in seen.by_features]
        direct = [[*one, *other] for one, other in zip(seen.by_common, seen.by_private, strict=True)]
        rows = added_each(rows, added_each(direct, passed))
    each = [by_weight(work.weights, gradients[:count]) for gradients in rows]
    of_losses, more = each[:-1], each[-1]
    if world.size > 1:
        of_losses = [whole(gradients, [copies[0] for copies in work.weights]) for gradients in of_losses]
        world.add_up([g for gradients in of_losses for g in gradients])
    weights, after = _weigh(work, own, gram_of(of_losses))
    seed_torch(work.built.context.seed, "combine", *work.place[:3])  # drawn as in one piece, and one process
    made = combined(of_losses, rule, weights)
    made = made if world.is_writer else [None] * len(made)  # the others' are added to these
    grow([*work.common, *work.private], _alone(rule, weights, rows))
    tie(work.weights, tied.share if tied else 1.0, added(made, more))
    return after


def _agreed(rule: Rule, weights: torch.Tensor, each: Sequence[Gradients]) -> Gradients:
    """Combine the gradients of K losses, and add those of what is added to the losses."""
    return added(combined(each[:-1], rule, weights), each[-1])


def _alone(rule: Rule, weights: torch.Tensor, each: Sequence[Gradients]) -> Gradients:
    """As `_agreed` by what losses do not have in common: they are added up, weighed where the rule weighs losses."""
    return added(weighted(each[:-1], weights if rule.weighs_losses else torch.ones_like(weights)), each[-1])


def _weigh(work: Work, losses: Mapping[str, torch.Tensor], gram: torch.Tensor) -> tuple[torch.Tensor, Combiner]:
    """Ask the rule for the weights of a step's losses, of which this process has its part."""
    context = work.built.context
    values = context.world.add(torch.stack(list(losses.values())).tolist())
    random = numpy_generator(context.seed, "combine", *work.place[:3])
    weights, after = work.combiner.weigh(dict(zip(losses, values, strict=True)), gram.numpy(), random)
    return torch.from_numpy(weights), after
