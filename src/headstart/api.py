"""The functions of the public API: short forms over `Recipe`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.core.choice import Choice
from headstart.core.durations import seconds_of
from headstart.core.interface import call
from headstart.core.processes import count, rank
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.stopping import Stop
from headstart.core.types import Event, Listener
from headstart.core.words import PATHS, crossed, recipe_of
from headstart.data.read import read as read_data
from headstart.data.rows import Dataset
from headstart.data.tasks import paths_of
from headstart.drawing.listening import shown
from headstart.evaluation.headline import Headline
from headstart.models.load import load_source
from headstart.models.model import Backbone, Model
from headstart.models.operate import Operated
from headstart.models.tree import Inspection, inspect_network
from headstart.runs.evaluate import Evaluated, evaluate_saved
from headstart.runs.fit import fit as fit_recipe
from headstart.runs.folds import CrossValidated
from headstart.runs.folds import cross_validate as run_folds
from headstart.runs.report import write_report
from headstart.runs.resuming import begun_recipe, folds_recipe
from headstart.runs.run import Run
from headstart.runs.track import parse_tracker, tracked
from headstart.selection.asked import asked, is_plain
from headstart.selection.search import search
from headstart.selection.wanted import check_search, wanted_of


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
    data: Any = None,
    *,
    source: str | None = None,
    sources: str | Sequence[str] | None = None,
    strategy: str | None = None,
    objective: str | None = None,
    sharing: str | None = None,
    combine: str | None = None,
    criterion: str | None = None,
    head: str | None = None,
    weights: str | Path | None = None,
    surgery: str | Sequence[str] = (),
    load_layers: str | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    augment: str | None = None,
    views: int | None = None,
    imbalance: str | None = None,
    refit: str | None = None,
    keep_better: str | None = None,
    budget: float | str | None = None,
    reader: str | None = None,
    label: str | Sequence[str] | None = None,
    input: str | Sequence[str] | None = None,
    task: str | None = None,
    modality: str | None = None,
    separator: str | None = None,
    group: str | None = None,
    validation: float | None = None,
    test: float | None = None,
    encoding: str | None = None,
    source_domain: str | Sequence[str] | None = None,
    target_domain: str | Sequence[str] | None = None,
    target: str | Path | None = None,
    target_labels: str | Path | None = None,
    transductive: bool | None = None,
    unseen: bool | None = None,
    unlabelled: str | Path | None = None,
    blank_labels: str | None = None,
    skip_bad: bool | None = None,
    seed: int | None = None,
    device: str | None = None,
    precision: str | None = None,
    workers: int | None = None,
    cache_gb: float | None = None,
    recipe: Recipe | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    log: str | Sequence[str] = (),
    progress: bool = True,
    verbose: bool = False,
    listen: Listener | None = None,
) -> Run:
    """Train, test and save a model: what the command `headstart fit` does, with the command's words as arguments.

    What is not named is chosen; what was chosen is shown and is in `run.recipe`. With nothing but labelled data named,
    source and method are searched for, in five minutes at most; any word about either gives one plain fit. Where a
    recipe has several stages, the words about training are for the first one.

    Args:
        data: As for `read`, or a `Dataset`; None takes that of the run to go on with, or of the recipe. Several data
            sets by name, {"mood": "reviews.csv", "topic": frame}, are tasks that one network learns (docs/tasks.md).
        source: The pretrained model to start from: "timm:resnet18" (`headstart list sources`).
        sources: Models to choose among: sources, patterns ("package:*", "local:FOLDER/*") or text files with one a
            line. Source and method are then searched for within the budget (`hs.explain(run.folder)` says why).
        strategy: How weights may move: "full", or with options "partial k=2" (`headstart list strategies`).
        objective: What is minimised (`headstart list objectives`); "auto" searches for it, too.
        sharing: What several targets have of their own (`headstart list sharing`); their heads alone without it.
        combine: How several losses become one update (`headstart list combine`); their sum without it.
        criterion: By what the best step is chosen (`headstart list criteria`).
        head: The new part (`headstart list heads`).
        weights: A safetensors file with the source's weights.
        surgery: Changes of the network: "adapt_input channels=1" (`headstart list surgery`), or a list of them.
        load_layers: Take over only these layers' weights; names or patterns with commas between.
        epochs: Passes over the training rows.
        steps: Steps, in place of epochs.
        lr: The learning rate.
        batch_size: Examples in a step.
        augment: The view of training rows (`headstart list views`).
        views: Fixed views of a row, one after another by epoch, the first of which is plain; 0 draws new ones.
        imbalance: What is done about rare classes: none, weights, sampler, focal, logit_adjust or auto.
        refit: Whether validation rows are learnt too once they have chosen: auto, yes or no.
        keep_better: Whether a baseline that is better on validation rows is saved in place of what was trained: yes,
            no, or auto, which is yes where no source is named.
        budget: Time, as seconds or as "90s", "10m", "1h": of a search where no source is named (5 minutes where it is
            not said), else for training.
        reader: How to read the data (`headstart list readers`).
        label: Column with the label, or several.
        input: Column with the text, image path or number, or several.
        task: The kind of task, such as "multilabel" (`headstart list targets`); "none" is pretraining without labels.
        modality: What examples are: image, text or vector.
        separator: What stands between the labels in a cell of a multi-label task.
        group: Column whose equal values stay in one split.
        validation: Share of rows for validation where no split is given.
        test: Share of rows for the test where no split is given.
        encoding: Of the table's text, for example "latin-1".
        source_domain: Labelled domain, or several.
        target_domain: The domain that counts; its labels are only used for the test.
        target: Of several tasks or label columns the one that counts: by its validation rows alone steps are chosen.
            With one of them the target domain's own data, a folder or a table; all of the data is then the source
            domain (`hs.adapt`).
        target_labels: A few rows of the target domain with labels, a folder or a table; they are learnt.
        transductive: Whether test rows may be learnt from without their labels, with the target domain's or others.
        unseen: Whether the target domain only tests, with all of its rows, and nothing of it is learnt from.
        unlabelled: More rows, without labels: a folder of loose files, or a table.
        blank_labels: What training rows without a label are: "refuse" or "unlabelled".
        skip_bad: Whether rows that cannot be read are left out and listed in the run's `left_out.csv`, not refused.
        seed: Decides everything random; by itself 0.
        device: "auto", "cpu", "cuda" or "cuda:NUMBER".
        precision: "auto", "float32" or "bfloat16".
        workers: Processes that load data.
        cache_gb: Most gigabytes of features on disk, for all runs together; 0 keeps none there.
        recipe: A whole recipe or its TOML file, which the arguments here change.
        settings: Any other setting by its path, such as {"stages.0.l2": 0.01}.
        out: The run's folder; None makes one below `runs/`. An unfinished run of the same recipe and data goes on.
        resume: The folder of a run to go on with. Without a recipe its own is taken.
        log: Trackers that figures are sent to: "tensorboard", "mlflow experiment=NAME", "wandb"; one or several.
        progress: Whether to show what goes on: bars in a terminal and in a notebook, plain lines elsewhere.
        verbose: Whether details are shown, too.
        listen: Is told what happens, as `Event`s; nothing is shown then.

    Returns:
        The run: `run.headlines`, `run.metrics`, `run.predict(data)`, `run.report()`.

    Raises:
        UsageError: A name, an option or a combination is wrong.
        DataError: Rows are wrong; all of them are named.
        SourceError: The source cannot be loaded.
        TrainingError: A loss is not finite.
    """
    words = {name: value for name, value in locals().items() if name in PATHS}
    words["budget"] = None if budget is None else seconds_of(budget)
    searched = None if resume is None else asked(resume)
    if searched is not None:
        recipe = Recipe.from_plain(searched.recipe)
    elif recipe is None and resume is not None:
        recipe = begun_recipe(resume, data)
    tasks = paths_of(data)
    named: Any = {"load_layers": load_layers, "settings": settings, "tasks": tasks}
    plan = recipe_of(words, recipe=recipe, surgery=surgery, **named)
    alone = count() == 1 and resume is None and not is_plain(out)
    wanted, plan = wanted_of(plan, [sources] if isinstance(sources, str) else sources, searched, alone=alone)
    if wanted is not None:
        check_search(count=count(), stages=len(plan.stages))
    with shown(progress, verbose, listen) as hearer, tracked(_trackers(log), hearer) as told:
        with _going_on("fit", data) as stop:
            shared = {"out": out, "resume": resume, "listen": told, "stop": stop}
            run = fit_recipe(data, plan, **shared) if wanted is None else search(data, plan, wanted, **shared)
        _tell_result(hearer, run.headlines)
    return run


def cross_validate(
    data: Any = None,
    *,
    folds: int = 5,
    repeats: int = 1,
    surgery: str | Sequence[str] = (),
    load_layers: str | None = None,
    recipe: Recipe | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    log: str | Sequence[str] = (),
    progress: bool = True,
    verbose: bool = False,
    listen: Listener | None = None,
    **words: Any,
) -> CrossValidated:
    """Fit on all rows, and measure by cross-validation: what `headstart fit --folds` does.

    Without a recipe, no test rows are set apart where the data names none: each row is tested in its fold.

    Args:
        data: As for `read`, or a `Dataset`; its test rows are in no fold.
        folds: How many.
        repeats: How often the rows are divided anew.
        surgery: Changes of the network, as for `fit`.
        load_layers: Take over only these layers' weights, as for `fit`.
        recipe: A whole recipe or its TOML file.
        settings: Any other setting by its path.
        out: The run's folder; None makes one below `runs/`.
        resume: The folder of a cross-validation to go on with.
        log: Trackers, as for `fit`.
        progress: Whether to show what goes on.
        verbose: Whether details are shown, too.
        listen: Is told what happens; nothing is shown then.
        **words: All others that `fit` takes, such as source, strategy, lr, label and seed.

    Returns:
        The model of all rows in `final`, the mean over folds in `mean` and in a sentence in `headline`.

    Raises:
        UsageError: A name, an option or a number is wrong.
        DataError: Rows are wrong, or there are fewer of a class than folds.
        SourceError: The source cannot be loaded.
        TrainingError: A loss is not finite.
    """
    begun = folds_recipe(resume) if recipe is None and resume is not None else None
    plan = recipe_of(words, recipe=recipe or begun, surgery=surgery, load_layers=load_layers, settings=settings)
    if recipe is None and begun is None:
        plan = crossed(plan, words, settings)
    with shown(progress, verbose, listen) as hearer, tracked(_trackers(log), hearer) as told:
        with _going_on("cross_validate", data, folds=folds, repeats=repeats) as stop:
            measured = run_folds(data, plan, k=folds, repeats=repeats, out=out, resume=resume, listen=told, stop=stop)
        _tell_result(hearer, [measured.headline])
    return measured


def evaluate(
    folder: str | Path,
    data: Any = None,
    *,
    task: str | None = None,
    device: str = "auto",
    workers: int = 0,
    progress: bool = True,
    listen: Listener | None = None,
) -> Evaluated:
    """Evaluate a saved model: on its run's own splits, or on other labelled rows.

    Args:
        folder: A run or an artefact.
        data: Labelled rows; None takes the run's own.
        task: The only one of several tasks to evaluate, whose labels the data has.
        device: Where to compute.
        workers: Processes that load data.
        progress: Whether to show what goes on.
        listen: Is told what happens; nothing is shown then.

    Returns:
        The evaluation of each split, with intervals: `evaluated.headlines`, `evaluated.metrics`.

    Raises:
        StorageError: The artefact is damaged.
        DataError: Rows are wrong, or have classes that the model does not know.
    """
    with shown(progress, False, listen) as hearer:
        evaluated = evaluate_saved(folder, data, task=task, device=device, workers=workers, listen=hearer)
        _tell_result(hearer, evaluated.headlines)
    return evaluated


def report(folder: str | Path) -> Path:
    """Draw the report of a finished run anew from what the run's folder holds.

    Args:
        folder: The run.

    Returns:
        The page.

    Raises:
        StorageError: The run is not finished, or a file is not there or is damaged.
    """
    return write_report(Path(folder))


@contextmanager
def _going_on(action: str, data: Any, **again: Any) -> Iterator[Stop]:
    """Say after Ctrl-C which call goes on with the run: below the traceback, as a note of the KeyboardInterrupt."""
    stop = Stop()
    try:
        yield stop
    except KeyboardInterrupt as error:
        if stop.run:
            named = None if data is None or isinstance(data, str | Path) else "DATA"  # in memory it is not kept
            error.add_note(f"The run can go on: {call(action, named, resume=stop.run, **again)}")
        raise


def _trackers(log: str | Sequence[str]) -> list[Choice]:
    return [parse_tracker(name) for name in ([log] if isinstance(log, str) else log) if not rank()]


def _tell_result(listen: Listener, headlines: Sequence[Headline]) -> None:
    for made in headlines:
        listen(Event("note", made.text, made.to_plain()))
