"""From rows and targets to a fitted model, without leaving a folder behind."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from headstart.artifact.predictor import Predictor
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.stopping import Stop
from headstart.core.types import Task, silent
from headstart.data.checks import check_rows
from headstart.data.read import make_dataset
from headstart.data.rows import Rows
from headstart.data.splits import SplitRows, make_splits
from headstart.engine.distributed import World
from headstart.engine.fit import fit
from headstart.engine.machine import choose_device
from headstart.estimators.fitted import Fitted
from headstart.runs.fit import prepare
from headstart.runs.network import build_model, load_backbone
from headstart.runs.precision import with_precision
from headstart.runs.refit import bounded, can_be_bounded, whole
from headstart.runs.training import make_jobs


def train(rows: Rows, validation: Rows | None, task: Task, recipe: Recipe) -> Fitted:
    """Train a model on labelled rows.

    Args:
        rows: All of them train; the share `recipe.data.validation` first chooses the steps, as `recipe.refit` says.
        validation: Rows that choose the steps and are never learnt, in the place of that share.
        task: What is to be learnt.
        recipe: The plan; what it leaves open is chosen.

    Returns:
        The model.

    Raises:
        UsageError: A name, an option or a combination is wrong.
        DataError: Images cannot be used; all are listed.
        SourceError: The source cannot be loaded.
        TrainingError: A loss is not finite.
    """
    given = {"train": rows} if validation is None else {"train": rows, "validation": validation}
    checked, _ = check_rows(given, task.modality)
    plan = DataPlan(validation=recipe.data.validation, test=0.0)
    parts, notes = make_splits({name: SplitRows(part) for name, part in checked.items()}, task, plan, recipe.seed)
    drawn = [name for name in parts if name not in given]
    dataset, backbone, chosen = prepare(make_dataset(task, parts, notes, drawn=drawn), recipe)
    chosen = with_precision(chosen, dataset, backbone, choose_device(recipe.device), World(), silent)
    precision = chosen.recipe.precision
    model = build_model(chosen.recipe, dataset, backbone)
    with TemporaryDirectory(prefix="headstart-") as scratch:
        ended = fit(model, *make_jobs(chosen, dataset, backbone, Path(scratch), silent, Stop(), precision))
    if chosen.recipe.refit == "yes" and can_be_bounded(ended.kept):
        everything, backbone = whole(dataset), load_backbone(chosen.recipe, dataset)
        model = build_model(chosen.recipe, everything, backbone)
        with TemporaryDirectory(prefix="headstart-") as scratch:
            jobs, context = make_jobs(chosen, everything, backbone, Path(scratch), silent, Stop(), precision)
            fit(model, bounded(jobs, ended), context)
    model.eval()
    return Fitted(Predictor(model, task, chosen.recipe, precision, dataset.fingerprint))
