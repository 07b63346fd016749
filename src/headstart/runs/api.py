"""The functions of the public API: short forms over `Recipe`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart.core.choice import Choice
from headstart.core.processes import rank
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.types import Listener, silent
from headstart.data.read import read as read_data
from headstart.data.rows import Dataset
from headstart.models.load import load_source
from headstart.models.model import Backbone, Model
from headstart.models.operate import Operated
from headstart.models.tree import Inspection, inspect_network
from headstart.runs.evaluate import Evaluated, evaluate_saved
from headstart.runs.fit import Run
from headstart.runs.fit import fit as fit_recipe
from headstart.runs.folds import CrossValidated
from headstart.runs.folds import cross_validate as run_folds
from headstart.runs.track import parse_tracker, tracked


def read(data: Any, plan: DataPlan | None = None, *, seed: int = 0) -> Dataset:
    """Read a folder, a table, arrays or a Hugging Face data set, and infer the task.

    Args:
        data: A path, or a pandas frame, a pair (examples, labels), a dict of splits of such pairs,
            a `datasets.Dataset`, or "hf:NAME".
        plan: Names columns, the task, splits and domains where they are not to be inferred.
        seed: Decides the splits where none are given.

    Returns:
        The rows by split, with the task; `notes` say what was inferred.

    Raises:
        DataError: Rows are wrong; all of them are named.
        UsageError: The data or a column is not there.
    """
    return read_data(data, plan or DataPlan(), seed=seed)


def source(name: str, options: Mapping[str, Any] | None = None) -> Backbone:
    """Load a pretrained model, such as "timm:resnet18", "hf:FOLDER_OR_ID" or "local:FOLDER/NAME".

    Args:
        name: Source and model; options may follow, as in "timm:resnet18 pretrained=false".
        options: The source's options (`headstart list sources`).

    Returns:
        The backbone; its `card` says what it expects and where it comes from.

    Raises:
        SourceError: The model is missing, damaged or not safe to read.
        UsageError: The source or an option does not exist.
    """
    choice = Choice.parse(name, "source")
    return load_source(choice.name, {**choice.options, **(options or {})})


def inspect(network: str | Backbone | Model | Operated) -> Inspection:
    """Describe a network: stages and layers with names, output shapes, parameters and what learns.

    Args:
        network: A source's name such as "timm:resnet18", a backbone, one after surgery, or a model with its head.

    Returns:
        The tree; `print` shows it, `text(depth)` and `to_plain(depth)` give it.

    Raises:
        UsageError: The name is none, or the network fails on an empty example.
        SourceError: The source cannot be loaded.
    """
    if isinstance(network, str):
        network = source(network)
    return inspect_network(network.backbone if isinstance(network, Operated) else network)


def fit(
    data: Any,
    *,
    source: str | None = None,
    strategy: str | None = None,
    objective: str | None = None,
    head: str | None = None,
    recipe: Recipe | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    seed: int | None = None,
    trackers: Sequence[str] = (),
    listen: Listener = silent,
) -> Run:
    """Train, test and save a model: what the command `headstart fit` does.

    Args:
        data: As for `read`, or a `Dataset`.
        source: The pretrained model to start from.
        strategy: How weights may move, for the first stage: "full", or with options (as any plug-in) "partial k=2".
        objective: What is minimised, for the first stage.
        head: The new part.
        recipe: A whole recipe, which the arguments here change.
        settings: Any other setting by its path, such as {"stages.0.lr": 0.001}.
        out: The run's folder; None makes one below `runs/`. An unfinished run of the same recipe and data goes on.
        resume: The folder of a run to go on with. Without a recipe its own is taken.
        seed: Decides everything random.
        trackers: Places that figures are sent to: "tensorboard", "mlflow experiment=NAME", "wandb".
        listen: Is told what happens.

    Returns:
        The run: `run.metrics["test"].metrics["accuracy"].value`, `run.folder`.

    Raises:
        UsageError: A name, an option or a combination is wrong.
        DataError: Rows are wrong; all of them are named.
        SourceError: The source cannot be loaded.
        TrainingError: A loss is not finite.
    """
    if resume is not None and recipe is None:
        recipe = Recipe.read(Path(resume) / "recipe.toml")
    plan = _recipe(recipe, settings, source=source, strategy=strategy, objective=objective, head=head, seed=seed)
    with tracked([parse_tracker(name) for name in trackers if not rank()], listen) as told:
        return fit_recipe(data, plan, out=out, resume=resume, listen=told)


def cross_validate(
    data: Any,
    *,
    folds: int = 5,
    repeats: int = 1,
    source: str | None = None,
    strategy: str | None = None,
    objective: str | None = None,
    head: str | None = None,
    recipe: Recipe | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    seed: int | None = None,
    listen: Listener = silent,
) -> CrossValidated:
    """Fit on all rows, and measure by cross-validation: what `headstart fit --folds` does.

    Without a recipe, no test rows are set apart where the data names none: each row is tested in its fold.

    Args:
        data: As for `read`, or a `Dataset`; its test rows are in no fold.
        folds: How many.
        repeats: How often the rows are divided anew.
        source: The pretrained model to start from.
        strategy: How weights may move, for the first stage.
        objective: What is minimised, for the first stage.
        head: The new part.
        recipe: A whole recipe, which the arguments here change.
        settings: Any other setting by its path.
        out: The run's folder; None makes one below `runs/`.
        seed: Decides everything random.
        listen: Is told what happens.

    Returns:
        The model of all rows in `final`, the mean over folds in `mean`.

    Raises:
        UsageError: A name, an option or a number is wrong.
        DataError: Rows are wrong, or there are fewer of a class than folds.
        SourceError: The source cannot be loaded.
        TrainingError: A loss is not finite.
    """
    given = {**({} if recipe else {"data.test": 0.0}), **(settings or {})}
    plan = _recipe(recipe, given, source=source, strategy=strategy, objective=objective, head=head, seed=seed)
    return run_folds(data, plan, k=folds, repeats=repeats, out=out, listen=listen)


def evaluate(folder: str | Path, data: Any = None) -> Evaluated:
    """Evaluate a saved model: on its run's own splits, or on other labelled rows.

    Args:
        folder: A run or an artefact.
        data: Labelled rows; None takes the run's own.

    Returns:
        The metrics of each split, with intervals.

    Raises:
        StorageError: The artefact is damaged.
        DataError: Rows are wrong, or have classes that the model does not know.
    """
    return evaluate_saved(folder, data)


def _recipe(
    recipe: Recipe | None,
    settings: Mapping[str, Any] | None,
    *,
    source: str | None,
    strategy: str | None,
    objective: str | None,
    head: str | None,
    seed: int | None,
) -> Recipe:
    named = {
        "source": source,
        "stages.0.strategy": strategy,
        "stages.0.objective": objective,
        "head": head,
        "seed": seed,
        **(settings or {}),
    }
    return (recipe or Recipe()).with_settings({path: value for path, value in named.items() if value is not None})
