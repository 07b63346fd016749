"""Choose in which form a backbone that stays as it is sees the data, and what stands beside its features.

A pair of texts, say, is one sequence or two; the terms of texts may be told beside what the network makes of them. What
moves the backbone learns to use either form, and keeps the first.
"""

from __future__ import annotations

import dataclasses
import math
from contextlib import suppress

from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.offer import Offer
from headstart.core.recipe import LINEAR
from headstart.core.types import Event, Listener
from headstart.data.rows import Dataset
from headstart.features.frozen import KnownFeatures
from headstart.inputs import by_name
from headstart.models.operate import build, written
from headstart.runs.choose import Tried, plainest_of_the_best, some_rows, try_offer
from headstart.runs.defaults import FEW_ROWS
from headstart.runs.plan import Plan


def choose_form(
    plan: Plan,
    data: Dataset,
    listen: Listener,
    known: KnownFeatures | None = None,
    *,
    additions: bool = False,
) -> Plan:
    """Compare the forms by the cross-validated loss of a solved head, on labelled rows, and take the best.

    Args:
        plan: With everything else chosen. Surgery that it names, and a head of another kind, leave nothing to choose.
        data: The rows.
        listen: Is told what was compared and what was taken.
        known: Takes the features that are computed.
        additions: Whether to try what may stand beside the features, too; it is taken where it is ahead by more than
            noise.

    Returns:
        The plan, perhaps with surgery.
    """
    recipe, task = plan.recipe, data.task
    forms = by_name(task.modality).surgeries(task.inputs)
    probed = all(stage.strategy is not None and stage.strategy.name == FEW_ROWS for stage in recipe.stages)
    more = by_name(task.modality).additions(data.splits["train"].inputs) if additions else ()
    if len(forms) + len(more) == 1 or recipe.surgery or recipe.head != LINEAR or not task.predicted or not probed:
        return plan
    assert recipe.source is not None
    rows = some_rows(data, recipe.seed)
    offer = Offer(recipe.source.name)
    tried: list[Tried] = []
    for form in forms:
        with suppress(UsageError):  # this network cannot be changed so
            tried.append(try_offer(recipe, data, offer.after(form), rows, listen, known))
    if not any(math.isfinite(each.loss) for each in tried):  # there is no solution for this loss
        return plan
    found = min(tried, key=lambda each: each.loss)
    for addition in more:
        with suppress(UsageError):
            tried.append(try_offer(recipe, data, found.offer.after((addition,)), rows, listen, known))
            found = plainest_of_the_best([found, tried[-1]])
    best, losses = found.offer.surgery, {each.offer.surgery: each.loss for each in tried}
    told = ", ".join(f"{', '.join(form) or 'none'} {loss:.3f}" for form, loss in losses.items())
    listen(
        Event(
            "note",
            f"surgery: {', '.join(best) or 'none'}, by the cross-validated loss of {len(rows):,} rows: {told} "
            f"(name another: {option('surgery')})",
            {"losses": {", ".join(form): loss for form, loss in losses.items()}},
        )
    )
    operations = tuple(Choice.parse(written(build(Choice.parse(text, "surgery"))), "surgery") for text in best)
    return dataclasses.replace(plan, recipe=dataclasses.replace(recipe, surgery=operations))
