"""How good a start is that has to be trained: by rows that it was not trained on."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from headstart.core.recipe import Recipe, Stage
from headstart.core.stopping import Stop
from headstart.core.types import Score, silent
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import make_transform
from headstart.engine.fit import fit
from headstart.engine.machine import choose_device, choose_precision
from headstart.engine.predict import predict
from headstart.evaluation.quick import rated_by_loss
from headstart.models.model import Backbone, Model
from headstart.runs.network import build_model, load_backbone
from headstart.runs.plan import Plan, make_plan
from headstart.runs.training import make_jobs
from headstart.solvers.folds import make_folds

FOLDS = 3  # each is a training of its own


def trained_loss(recipe: Recipe, data: Dataset, rows: Rows, groups: Sequence[str] | None) -> Score:
    """Train the recipe's start on folds at its default length, and score what it gives the rows of the other folds.

    Args:
        recipe: Names source and head; of its stages the first one's way with rare classes counts alone.
        data: What the rows are of.
        rows: Labelled rows, N.
        groups: Of each row; rows of one group are not divided among folds.

    Returns:
        The mean loss of the targets with its noise.
    """
    plain = Recipe(
        source=recipe.source,
        surgery=recipe.surgery,
        head=recipe.head,
        stages=(Stage(imbalance=recipe.stages[0].imbalance),),
        refit="no",
        seed=recipe.seed,
        device=recipe.device,
        precision=recipe.precision,
    )
    name, target = next(iter(data.task.predicted.items()))
    fold = make_folds(len(rows), recipe.seed, rows.by_row(name, target.fold_strata), groups) % FOLDS
    outputs: dict[str, np.ndarray] = {}
    for number in np.unique(fold):
        left_out = np.flatnonzero(fold == number)
        for target_name, values in _trained(
            plain, data, rows.take(np.flatnonzero(fold != number)), rows.take(left_out)
        ):
            outputs.setdefault(target_name, np.empty((len(rows), *values.shape[1:]), values.dtype))[left_out] = values
    return rated_by_loss(data.task, rows, outputs, least=0)


def _trained(recipe: Recipe, data: Dataset, learnt: Rows, asked: Rows) -> list[tuple[str, np.ndarray]]:
    """Train on some rows, and predict others, by target."""
    own = dataclasses.replace(data, splits={"train": learnt}, pools={"train": learnt}, drawn=())
    backbone = load_backbone(recipe, own)
    plan = make_plan(recipe, own, pretrained=False, backbone=backbone)
    precision = choose_precision(recipe.precision, choose_device(recipe.device))
    model = train_in_passing(plan, own, backbone, precision, Stop())
    return list(predict(model, asked, make_transform(backbone.card.input)).items())


def train_in_passing(plan: Plan, data: Dataset, backbone: Backbone, precision: str, stop: Stop) -> Model:
    """Train a model that no run is made of: nothing of it is kept on disk, and nothing is told.

    Args:
        plan: Everything chosen.
        data: The rows.
        backbone: That the plan was made for; it is changed.
        precision: The number format.
        stop: Lets a signal stop it between two steps.

    Returns:
        The model.
    """
    model = build_model(plan.recipe, data, backbone)
    with tempfile.TemporaryDirectory(prefix="headstart-") as folder:
        fit(model, *make_jobs(plan, data, backbone, Path(folder), silent, stop, precision))
    return model
