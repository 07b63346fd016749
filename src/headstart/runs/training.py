"""The two fits of a run: one that chooses steps and penalties, and one on all labelled rows for what was chosen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from headstart.artifact.load import load
from headstart.artifact.save import save
from headstart.core import storage
from headstart.core.stopping import Stop
from headstart.core.types import Calibration, Event, Listener
from headstart.data.rows import Dataset
from headstart.data.transforms import make_transform
from headstart.engine.distributed import World
from headstart.engine.feed import Workers
from headstart.engine.fit import fit
from headstart.engine.job import Job, RunContext, make_job
from headstart.engine.machine import choose_device
from headstart.engine.predict import predict
from headstart.features.cache import GB
from headstart.features.frozen import KnownFeatures
from headstart.models.model import Backbone, Model
from headstart.runs.folder import MODEL
from headstart.runs.network import build_model, load_backbone
from headstart.runs.plan import Plan
from headstart.runs.refit import CHOSEN, REFIT, bounded, can_be_bounded, told, whole
from headstart.runs.state import RunState
from headstart.runs.unlike import reference

Raw = Mapping[str, Mapping[str, np.ndarray]]  # what the network gives, by split and target


@dataclass(frozen=True)
class Setting:
    """What both fits of a run have in common.

    known: features that need not be computed again. until: the step that the last stage of the first fit ends after;
    None: all of its steps.
    """

    folder: Path
    dataset: Dataset
    plan: Plan
    world: World
    device: torch.device
    precision: str
    listen: Listener
    stop: Stop
    known: KnownFeatures
    until: int | None = None

    def jobs(
        self, backbone: Backbone, dataset: Dataset, folder: Path, listen: Listener, *, resume: bool
    ) -> tuple[list[Job], RunContext]:
        """Make what the loop is given for one of the fits."""
        jobs, context = make_jobs(self.plan, dataset, backbone, folder, listen, self.stop, self.precision)
        own = {"device": self.device, "world": self.world, "resume": resume, "constant": self.known}
        return jobs, dataclasses.replace(context, **own)

    def save(self, place: Path, model: Model, calibrations: Mapping[str, Calibration]) -> None:
        """Save a model with all that it was made by."""
        if place.exists():  # of a process that ended before it could say so
            storage.remove_folder(place)
        data, recipe = self.dataset, self.plan.recipe
        save(
            place,
            model,
            data.task,
            recipe,
            fingerprint=data.fingerprint,
            precision=self.precision,
            calibrations=calibrations,
            reference=reference(model, data, recipe, self.precision, self.known) if place.name == MODEL else None,
        )

    def ended(self, state: RunState) -> RunState:
        """Write down that a fit has ended."""
        if self.world.is_writer:
            state.write(self.folder)
            if state.status == "trained":
                self.listen(Event("saved", f"the model is saved in {self.folder / MODEL}"))
        return state


def fit_first(setting: Setting, model: Model, state: RunState, *, resume: bool) -> tuple[RunState, Raw]:
    """Fit the training rows; validation rows choose the steps.

    Args:
        setting: Of the run.
        model: As the source gave it, with new heads; it is changed.
        state: Where the run stands.
        resume: Whether to go on from the newest checkpoint.

    Returns:
        Where the run stands now, and what the network gives for the validation rows (the writer's alone).
    """
    jobs, context = setting.jobs(model.backbone, setting.dataset, setting.folder, setting.listen, resume=resume)
    jobs[-1] = dataclasses.replace(jobs[-1], until=setting.until)
    outcome = fit(model, jobs, context)
    refits = setting.plan.recipe.refit == "yes" and can_be_bounded(outcome.kept)
    raw: Raw = {}
    if setting.world.is_writer:
        raw = {"validation": outcome.looked["validation"]} if "validation" in outcome.looked else {}
        raw = raw or _validation_outputs(model, setting.dataset, context)
        place = setting.folder / (CHOSEN if refits else MODEL)
        setting.save(place, model, _calibrations(setting.dataset, raw))
    return setting.ended(state.with_outcome(outcome, refits=refits)), raw


def fit_whole(setting: Setting, state: RunState) -> RunState:
    """Fit all labelled rows from the start, for the steps that the first fit kept.

    Args:
        setting: Of the run.
        state: Where the run stands.

    Returns:
        Where it stands now.
    """
    first, everything = state.ended, whole(setting.dataset)
    setting.listen(told(first.kept, setting.plan.recipe.stages, len(everything.pools["train"])))
    recipe, folder = setting.plan.recipe, setting.folder / REFIT
    model = build_model(recipe, everything, load_backbone(recipe, setting.dataset))
    resume = folder.is_dir()
    if setting.world.is_writer:
        folder.mkdir(exist_ok=True)
    jobs, context = setting.jobs(model.backbone, everything, folder, _of_a_refit(setting.listen), resume=resume)
    again = fit(model, bounded(jobs, first), context)
    if setting.world.is_writer:
        setting.save(setting.folder / MODEL, model, load(setting.folder / CHOSEN).calibrations)
    outcome = dataclasses.replace(first, moved=again.moved, seconds=first.seconds + again.seconds)
    return setting.ended(state.with_outcome(outcome, refits=False))


def _of_a_refit(listen: Listener) -> Listener:
    """Leave out what was told of the first fit."""

    def tell(event: Event) -> None:
        if event.kind not in ("note", "detail", "stage"):
            listen(event)

    return tell


def _validation_outputs(model: Model, dataset: Dataset, context: RunContext) -> dict[str, dict[str, np.ndarray]]:
    """Compute what the network gives for the validation rows, by target; the saved model would give the same."""
    rows = dataset.splits.get("validation")
    if rows is None or not dataset.task.predicted:
        return {}
    transform, precision = make_transform(model.backbone.card.input, once=True), context.precision
    workers = Workers(context.workers, lambda text: context.listen(Event("warning", text)))
    return {
        "validation": workers.run(
            lambda count: predict(model, rows, transform, workers=count, precision=precision, known=context.constant)
        )
    }


def _calibrations(dataset: Dataset, raw: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Calibration]:
    """Calibrate each target on the validation rows, where there are any."""
    rows = dataset.splits.get("validation")
    made, outputs = {}, raw.get("validation", {})
    for name, target in dataset.task.predicted.items():
        if rows is None or name not in rows.targets or name not in outputs:
            made[name] = target.calibrate(None, None)
        else:
            made[name] = target.calibrate(rows.labels_of(name), outputs[name][rows.places(name)])
    return made


def make_jobs(
    plan: Plan, dataset: Dataset, backbone: Backbone, folder: Path, listen: Listener, stop: Stop, precision: str
) -> tuple[list[Job], RunContext]:
    """Make what the loop is given from a plan.

    Args:
        plan: Everything chosen.
        dataset: The rows.
        backbone: Says what the transforms must give.
        folder: Takes the log and the checkpoints.
        listen: Is told what happens.
        stop: Lets a signal stop the run between two steps.
        precision: The number format.

    Returns:
        A job for each stage, and the context they run in.
    """
    recipe, expects = plan.recipe, backbone.card.input
    parts = zip(plan.strategies, plan.objectives, plan.criteria, recipe.stages, strict=True)
    jobs = [make_job(*chosen, dataset, expects, recipe.seed) for chosen in parts]
    if len(jobs) > 1:
        jobs = [dataclasses.replace(job, name=f"stage {n} of {len(jobs)}") for n, job in enumerate(jobs, 1)]
    context = RunContext(
        folder=folder,
        device=choose_device(recipe.device),
        precision=precision,
        seed=recipe.seed,
        workers=recipe.workers or 0,
        task=dataset.task,
        listen=listen,
        stop=stop,
        budget=recipe.budget,
        cache=int(recipe.cache_gb * GB),
        checkpoint=recipe.checkpoint,
        groups=dataset.groups,
    )
    return jobs, context
