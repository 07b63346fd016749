"""Fit: from data to a tested, saved model in the folder of a run."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headstart.artifact.load import load
from headstart.artifact.save import save
from headstart.core import storage
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe
from headstart.core.stopping import Stop
from headstart.core.types import Event, Listener, Task, silent
from headstart.data.read import read
from headstart.data.rows import Dataset
from headstart.data.transforms import make_transform
from headstart.engine.fit import fit as train
from headstart.engine.job import Examples, Job, Outcome, Score, Surroundings
from headstart.engine.machine import choose_device, choose_precision
from headstart.evaluation.metrics import Evaluation
from headstart.evaluation.quick import score
from headstart.models.model import Backbone, Model
from headstart.runs.evaluate import Results, evaluate_splits, metrics_plain, write_results
from headstart.runs.plan import Plan, build_model, check_names, load_backbone, make_plan


@dataclass(frozen=True)
class Run:
    """A finished run. `metrics` holds an evaluation for each split that there is of validation and test."""

    folder: Path
    task: Task
    recipe: Recipe
    metrics: Mapping[str, Evaluation]
    outcome: Outcome
    notes: Sequence[str]
    seconds: float

    def to_plain(self) -> dict[str, Any]:
        """Give the JSON object that `headstart fit --json` prints last."""
        strategies = [stage.strategy.name for stage in self.recipe.stages if stage.strategy]
        objectives = [stage.objective.name for stage in self.recipe.stages]
        return {
            "run": str(self.folder),
            "task": {"modality": self.task.modality, "kind": self.task.kind, "classes": list(self.task.classes)},
            "source": self.recipe.source.name if self.recipe.source else None,
            "strategy": "+".join(strategies),
            "objective": "+".join(objectives),
            "metrics": metrics_plain(self.metrics),
            "rows": {split: evaluation.rows for split, evaluation in self.metrics.items()},
            "steps": self.outcome.steps,
            "endings": list(self.outcome.endings),
            "seconds": round(self.seconds, 2),
        }


def prepare(data: Any, recipe: Recipe, listen: Listener = silent) -> tuple[Dataset, Backbone, Plan]:
    """Check everything that can be checked before training: names, data, source, and how they fit.

    Args:
        data: What `headstart.read` takes; None takes the recipe's path.
        recipe: The plan.
        listen: Is told what was inferred.

    Returns:
        The data, the backbone, and the plan with everything chosen.

    Raises:
        UsageError: A name, an option or a combination is wrong.
        DataError: Rows are wrong; all of them are named.
        SourceError: The source cannot be loaded.
    """
    check_names(recipe)
    choose_device(recipe.device)
    if isinstance(data, str | Path):
        recipe = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, path=str(data)))
    data = recipe.data.path if data is None else data
    if data is None:
        raise UsageError("Name the data: a folder, a table, or `path` under [data] in the recipe.")
    dataset = data if isinstance(data, Dataset) else read(data, recipe.data, seed=recipe.seed)
    for note in dataset.notes:
        listen(Event("note", note))
    backbone = load_backbone(recipe, dataset)
    card = backbone.card
    listen(
        Event(
            "note",
            f"source: {card.name}, {card.params:,} parameters" + (f", {card.source_task}" if card.source_task else ""),
        )
    )
    plan = make_plan(recipe, dataset)
    for note in plan.notes:
        listen(Event("note", note))
    return dataset, backbone, plan


def fit(
    data: Any, recipe: Recipe, *, out: str | Path | None = None, listen: Listener = silent, stop: Stop | None = None
) -> Run:
    """Train, test and save a model.

    Args:
        data: What `headstart.read` takes, or a `Dataset`; None takes the recipe's path.
        recipe: The plan; what it leaves open is chosen.
        out: The run's folder, which must not exist; None makes one below `runs/`.
        listen: Is told what happens.
        stop: Lets a signal stop the run between two steps.

    Returns:
        The run, with its metrics.

    Raises:
        UsageError: A name, an option or a combination is wrong, or the folder exists.
        DataError: Rows are wrong; all of them are named.
        SourceError: The source cannot be loaded.
        TrainingError: A loss is not finite.
    """
    started = time.monotonic()
    if out is not None and Path(out).exists() and any(Path(out).iterdir()):
        raise UsageError(f"{out} exists already and is not empty. Name another folder with --out, or delete it.")
    dataset, backbone, plan = prepare(data, recipe, listen)
    folder = _make_folder(out, plan.recipe)
    storage.sweep(folder)
    storage.write_text(folder / "recipe.toml", plan.recipe.to_toml())
    model = build_model(plan.recipe, dataset, backbone)
    device = choose_device(plan.recipe.device)
    precision = choose_precision(plan.recipe.precision, device)
    outcome = train(model, *_jobs(plan, dataset, backbone, folder, listen, stop or Stop(), precision))
    save(folder / "model", model, dataset.task, plan.recipe, fingerprint=dataset.fingerprint, precision=precision)
    listen(Event("saved", f"model saved in {folder / 'model'}"))
    predictor = load(folder / "model", device=plan.recipe.device)
    results: Results = {}
    metrics = evaluate_splits(predictor, dataset, seed=plan.recipe.seed, results=results)
    run = Run(folder, dataset.task, plan.recipe, metrics, outcome, dataset.notes, time.monotonic() - started)
    write_results(folder, dataset.task, metrics, results)
    storage.write_text(folder / "run.json", json.dumps(run.to_plain(), indent=1, ensure_ascii=False))
    return run


def _jobs(
    plan: Plan, dataset: Dataset, backbone: Backbone, folder: Path, listen: Listener, stop: Stop, precision: str
) -> tuple[list[Job], Surroundings]:
    recipe, expects = plan.recipe, backbone.card.input
    jobs = []
    for stage, strategy, objective in zip(recipe.stages, plan.strategies, plan.objectives, strict=True):
        assert stage.augment is not None
        transform = make_transform(expects, augment=stage.augment)
        pools = {stream.name: Examples(dataset.pools[stream.name], transform) for stream in objective.streams}
        jobs.append(Job(strategy, objective, stage, pools))
    validation = dataset.splits.get("validation")

    def judge(predictions: np.ndarray) -> Score:
        assert validation is not None and validation.targets is not None
        return Score(*score(dataset.task, validation.targets, predictions))

    around = Surroundings(
        folder=folder,
        device=choose_device(recipe.device),
        precision=precision,
        seed=recipe.seed,
        workers=recipe.workers or 0,
        validation=None if validation is None else Examples(validation, make_transform(expects)),
        score=judge,
        listen=listen,
        stop=stop,
        budget=recipe.budget,
    )
    return jobs, around


def _make_folder(out: str | Path | None, recipe: Recipe) -> Path:
    """Make the run's folder: the one that was named, or runs/DATA-STRATEGY-NUMBER."""
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    data = Path(recipe.data.path or "data").resolve().stem
    strategy = recipe.stages[-1].strategy
    name = re.sub(r"[^\w.-]+", "_", f"{data}-{strategy.name if strategy else ''}")[:100]
    for number in itertools.count(1):
        folder = Path("runs") / f"{name}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError("unreachable")
