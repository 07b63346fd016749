"""Fit once more on all labelled rows, once steps and penalties are chosen: no label is left unused."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from headstart.core.interface import option
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Event, Objective
from headstart.criteria.last import Last
from headstart.data.pools import with_training
from headstart.data.rows import Dataset, concatenate
from headstart.engine.job import Job, Outcome
from headstart.engine.optimisers import SOLVE

MOST = 5000  # training rows up to which stages of steps are fitted again; with more the rows gained matter little
CHOSEN, REFIT = "chosen", "refit"  # in the run's folder: the model that chose, and the training on all rows


def choose_refit(
    recipe: Recipe, stages: Sequence[Stage], objectives: Sequence[Objective], data: Dataset
) -> tuple[str, str]:
    """Decide whether a run ends with a fit on all labelled rows.

    Args:
        recipe: Its `refit` decides, where it can be.
        stages: With everything chosen.
        objectives: Of the stages.
        data: The rows.

    Returns:
        "yes" or "no", and what to tell; "" where there is nothing to.
    """
    if recipe.refit == "no" or "validation" not in data.splits or "train" not in data.pools:
        return "no", ""
    rows = len(data.splits["validation"])
    if reason := impossible(stages, objectives):
        return "no", "" if recipe.refit == "auto" else f"refit: no, as {reason}"
    if recipe.refit == "auto":
        if "validation" not in data.drawn or recipe.budget is not None:
            return "no", ""
        by_steps = any(stage.optimiser != SOLVE for stage in stages)
        if by_steps and len(data.pools["train"]) > MOST:
            told = f"as there are more than {MOST:,} training rows"
            return "no", f"refit: no, {told} ({option('refit', 'yes')} does it all the same)"
    other = option("refit", "no")
    return "yes", f"refit: yes, the {rows:,} validation rows are learnt too once they have chosen ({other}: not)"


def impossible(stages: Sequence[Stage], objectives: Sequence[Objective]) -> str:
    """Say what keeps the validation rows from being learnt.

    Args:
        stages: With everything chosen.
        objectives: Of the stages.

    Returns:
        The reason; "" where nothing does.
    """
    pools = {stream.pool for objective in objectives for stream in objective.streams if stream.labelled}
    if pools != {"train"}:
        return f"rows are learnt from {', '.join(sorted(pools))}, not from the training rows alone"
    if any(stage.schedule == "plateau" for stage in stages):
        return "the schedule 'plateau' goes by validation rows to the end"
    return ""


def whole(data: Dataset) -> Dataset:
    """Return the data with its validation rows among the training rows."""
    rows = concatenate([data.splits["train"], data.splits["validation"]])
    splits = {
        "train": rows,
        **{name: part for name, part in data.splits.items() if name not in ("train", "validation")},
    }
    return dataclasses.replace(data, splits=splits, pools=with_training(data.pools, rows), drawn=())


def bounded(jobs: Sequence[Job], outcome: Outcome) -> list[Job]:
    """Let each stage end at the step that was kept, at the rates and penalties that led there; nothing is measured."""
    return [
        dataclasses.replace(job, until=until, levelled=levelled, solved=solved, criterion=Last(), measured={})
        for job, until, levelled, solved in zip(jobs, outcome.kept, outcome.levelled, outcome.solved, strict=True)
    ]


def can_be_bounded(kept: Sequence[int | None]) -> bool:
    """Return whether the steps that were kept are all that validation rows chose."""
    return bool(kept) and None not in kept


def told(kept: Sequence[int | None], stages: Sequence[Stage], rows: int) -> Event:
    """Tell that all rows are fitted now, and for how many steps where it goes by steps."""
    trained = [f"{step:,}" for step, stage in zip(kept, stages, strict=True) if stage.optimiser != SOLVE]
    how = f" for {' + '.join(trained)} steps" if trained else ""
    return Event("note", f"fitting all {rows:,} labelled rows{how}", {"kept": list(kept)})
