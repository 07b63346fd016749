"""Choose in which form a backbone that stays as it is sees the data, where its modality names several.

A pair of texts, say, is one sequence or two. What moves the backbone learns to use either, and keeps the first.
"""

from __future__ import annotations

import dataclasses
import math
from contextlib import suppress

from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.offer import Offer
from headstart.core.recipe import LINEAR
from headstart.core.types import Event, Listener
from headstart.data.rows import Dataset
from headstart.inputs import by_name
from headstart.models.operate import build, written
from headstart.runs.choose import some_rows, try_offer
from headstart.runs.defaults import FEW_ROWS
from headstart.runs.plan import Plan


def choose_form(plan: Plan, data: Dataset, listen: Listener) -> Plan:
    """Compare the forms by the cross-validated loss of a solved head, on labelled rows, and take the best.

    Args:
        plan: With everything else chosen. Surgery that it names, and a head of another kind, leave nothing to choose.
        data: The rows.
        listen: Is told what was compared and what was taken.

    Returns:
        The plan, perhaps with surgery.
    """
    recipe, task = plan.recipe, data.task
    forms = by_name(task.modality).surgeries(task.inputs)
    probed = all(stage.strategy is not None and stage.strategy.name == FEW_ROWS for stage in recipe.stages)
    if len(forms) == 1 or recipe.surgery or recipe.head != LINEAR or not task.predicted or not probed:
        return plan
    assert recipe.source is not None
    rows = some_rows(data, recipe.seed)
    losses = {}
    for form in forms:
        with suppress(UsageError):  # this network cannot be changed so
            losses[form] = try_offer(recipe, data, Offer(recipe.source.name, surgery=form), rows, listen).loss
    if not any(math.isfinite(loss) for loss in losses.values()):  # there is no solution for this loss
        return plan
    best = min(losses, key=lambda form: losses[form])
    told = ", ".join(f"{', '.join(form) or 'none'} {loss:.3f}" for form, loss in losses.items())
    listen(
        Event(
            "note",
            f"surgery: {', '.join(best) or 'none'}, by the cross-validated loss of {len(rows):,} rows: {told} "
            "(name another with --surgery)",
            {"losses": {", ".join(form): loss for form, loss in losses.items()}},
        )
    )
    operations = tuple(Choice.parse(written(build(Choice.parse(text, "surgery"))), "surgery") for text in best)
    return dataclasses.replace(plan, recipe=dataclasses.replace(recipe, surgery=operations))
