"""What several tasks gain by being learnt together: each is trained by itself, and measured on the same rows."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from headstart.artifact.load import load
from headstart.core.errors import UsageError
from headstart.core.progress import working
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Calibration, Event, Objective, silent
from headstart.data.pools import TASK
from headstart.data.rows import Dataset, Rows
from headstart.engine.distributed import World
from headstart.engine.job import Outcome
from headstart.engine.optimisers import SOLVE
from headstart.runs.baselines import ALONE, Fitted, measured_splits
from headstart.runs.folder import MODEL
from headstart.runs.network import Loaded, build_model, load_backbone
from headstart.runs.plan import make_plan
from headstart.runs.state import describe
from headstart.runs.training import Raw, Setting, fit_first, fit_whole


def train_alone(setting: Setting, outcome: Outcome, loaded: Loaded | None) -> list[Fitted]:
    """Train each of several tasks by itself, with the same source, strategy, steps and seed.

    Args:
        setting: Of the run.
        outcome: How its training ended.
        loaded: Sources that need not be loaded again.

    Returns:
        One baseline, whose outputs for a target are those of its own training; none where that is not wanted, or
        where tasks share nothing that learns.
    """
    recipe, data = setting.plan.recipe, setting.dataset
    if not _wanted(recipe, len(data.task.predicted), outcome.seconds) or not measured_splits(data):
        return []
    why = "there is one task" if len(data.task.predicted) < 2 else ""
    if all(stage.optimiser == SOLVE for stage in recipe.stages):
        why = why or "each head was solved by itself, and is what it would be alone"
    if why:
        setting.listen(Event("note", f"no baseline {ALONE} beside this run: {why}"))
        return []
    outputs: dict[str, dict[str, np.ndarray]] = {split: {} for split in measured_splits(data)}
    calibrations: dict[str, Calibration] = {}
    for name in data.task.predicted:
        with working(f"training the task {name} by itself"):
            found, calibrations[name] = _trained(setting, name, loaded)
        for split, own in found.items():
            outputs[split][name] = data.splits[split].among_all(name, own[name], np.nan)
    what = "each task trained by itself, with the same source, strategy, steps and seed"
    return [Fitted(ALONE, what, "", True, outputs, calibrations)]


def _wanted(recipe: Recipe, tasks: int, seconds: float) -> bool:
    """Return whether tasks are trained alone: for "auto" where each may take as long as all did, within the budget."""
    if recipe.alone == "auto":
        return recipe.budget is not None and seconds * (1 + tasks) <= recipe.budget
    return recipe.alone == "yes"


def _trained(setting: Setting, name: str, loaded: Loaded | None) -> tuple[Raw, Calibration]:
    """Train one task as the run was trained; give its outputs for rows with its label, and its calibration."""
    data = alone_data(setting.dataset, name)
    recipe = _recipe(setting.plan.recipe, data, setting.plan.objectives)
    backbone = load_backbone(recipe, data, loaded=loaded)
    card = backbone.card
    plan = make_plan(recipe, data, pretrained=bool(card.sha256), fixed=not card.params, backbone=backbone)
    with tempfile.TemporaryDirectory(prefix="headstart-") as folder:
        own = dataclasses.replace(setting, folder=Path(folder), dataset=data, plan=plan, world=World(), listen=silent)
        state = describe(plan.recipe, data, device=setting.device, processes=1)
        state, found = fit_first(own, build_model(plan.recipe, data, backbone), state, resume=False)
        if state.status == "refitting":
            fit_whole(own, state)
        predictor = load(own.folder / MODEL, device=str(setting.device))
        outputs = {**found}
        if "test" in measured_splits(data):
            outputs["test"] = predictor.raw_outputs(data.splits["test"])
        return outputs, predictor.calibrations[name]


def alone_data(data: Dataset, name: str) -> Dataset:
    """Keep the rows of one target, and those without labels.

    Args:
        data: Of several targets.
        name: The one.

    Returns:
        The data of a run of its own.
    """

    def own(parts: dict[str, Rows]) -> dict[str, Rows]:
        kept = {part: rows for part, rows in parts.items() if not rows.labels or name in rows.targets}
        return {part: rows.of(name) if rows.labels else rows for part, rows in kept.items()}

    pools = {pool: rows for pool, rows in data.pools.items() if not pool.startswith(TASK)}
    return dataclasses.replace(
        data,
        task=data.task.alone(name),
        splits=own(dict(data.splits)),
        pools=own(pools),
        fingerprint=f"{data.fingerprint}/{name}",
    )


def _recipe(recipe: Recipe, data: Dataset, objectives: tuple[Objective, ...]) -> Recipe:
    """Plan a run of one task: nothing is shared or combined, and what is for rare classes goes where there are none."""
    target = data.task.target

    def stage(own: Stage, objective: Objective) -> Stage:
        try:
            target.check_imbalance(own.imbalance, objective.loss_options)
        except UsageError:
            own = dataclasses.replace(own, imbalance="none")
        return dataclasses.replace(own, sharing=None, combine=None)

    name = next(iter(data.task.predicted))
    learning = ((own, objective) for own, objective in zip(recipe.stages, objectives, strict=True))
    stages = tuple(stage(own, objective) for own, objective in learning if objective.only in (None, name))
    return dataclasses.replace(recipe, stages=stages, tasks=None, main=None, alone="no", scratch="no")
