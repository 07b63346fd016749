"""Cross-validation of a recipe: a run a fold, their mean with an interval, and one model of all rows.

The folds are made of the training and validation rows; test rows are in none. Each fold is trained as a plain
run is, with a validation part of its own cut from its training rows, and measured on the rows that it left out.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core import storage
from headstart.core.errors import UsageError, first_few
from headstart.core.interface import option
from headstart.core.processes import count
from headstart.core.ranges import check_numbers
from headstart.core.recipe import Recipe
from headstart.core.seeding import mix
from headstart.core.stopping import Stop
from headstart.core.types import Event, Listener, Target, Task, silent
from headstart.data.pools import UNLABELLED
from headstart.data.rows import Dataset, Rows, concatenate
from headstart.data.splits import SplitRows, make_splits
from headstart.evaluation.folds import folds, pool_folds
from headstart.evaluation.headline import Headline, headline
from headstart.evaluation.metrics import Evaluation, evaluate
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import frame_arrays
from headstart.metrics._find import every
from headstart.runs.begin import begin
from headstart.runs.features import known_features
from headstart.runs.fit import fit
from headstart.runs.folder import MODEL, TRANSFERRED, read_json, read_predictions
from headstart.runs.network import Loaded
from headstart.runs.plan import check_names
from headstart.runs.report import write_report
from headstart.runs.resuming import FOLDS
from headstart.runs.run import Run
from headstart.runs.state import read as read_state

RECORD = "folds.json"


@dataclass(frozen=True, repr=False)
class CrossValidated:
    """A cross-validated recipe.

    final: the run on all rows. mean: over the folds of all repeats, with corrected intervals. out_of_fold: all
    rows of the first repeat, each predicted by the model that had not seen it and decided without the thresholds that
    each fold chose for itself. values: each metric by fold. headline: the mean in a sentence.
    """

    final: Run
    k: int
    repeats: int
    mean: Mapping[str, Interval]
    out_of_fold: Evaluation
    values: Mapping[str, Sequence[float | None]]
    headline: Headline

    def __repr__(self) -> str:
        """Say what the folds came to, and what was fitted."""
        return f"{self.headline.text}\nFinal: {self.final}"

    def to_plain(self) -> dict[str, Any]:
        """Return what `folds.json` holds."""
        return {
            "k": self.k,
            "headline": self.headline.to_plain(),
            "repeats": self.repeats,
            "rows": self.out_of_fold.rows,
            "mean": {name: interval.to_plain() for name, interval in self.mean.items()},
            "out_of_fold": self.out_of_fold.to_plain(),
            "values": {name: list(values) for name, values in self.values.items()},
        }


def cross_validate(
    data: Any,
    recipe: Recipe,
    *,
    k: int,
    repeats: int = 1,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    listen: Listener = silent,
    stop: Stop | None = None,
) -> CrossValidated:
    """Fit a recipe on all rows, and measure it by repeated cross-validation.

    One that was stopped goes on where it was: finished folds are not trained again.

    Args:
        data: As for `fit`.
        recipe: What is measured.
        k: Folds.
        repeats: How often the rows are divided anew.
        out: Folder of the final run; the folds' runs are in `folds/` in it, without their weights and reports.
        resume: The folder of a cross-validation to go on with, in place of `out`; its recipe is in `folds/recipe.toml`.
        listen: Is told what happens.
        stop: Lets a signal stop between two steps.

    Returns:
        The final run, with the figures of the folds.

    Raises:
        UsageError: A number or a name is wrong, the data has two domains or several targets, or there are several
            processes.
        DataError: Rows are wrong, or there are fewer of a class than folds.
    """
    import pandas as pd

    check_numbers({"folds": k, "repeats": repeats})
    check_names(recipe)
    if count() > 1:
        raise UsageError(f"Cross-validation runs in one process: leave {option('processes')} (or torchrun) away.")
    begun = begin(data, recipe, listen)
    dataset, recipe = begun.dataset, begun.named_in(recipe)
    if "source" in dataset.pools:
        raise UsageError("Cross-validation is for data of one domain; this recipe names two.")
    target = _only_target(dataset.task)
    rows = _all_rows(dataset)
    groups = np.array([dataset.groups[row] for row in rows.ids]) if dataset.groups else None
    strata = target.fold_strata(rows.y)
    parts = list(
        folds(len(rows), k=k, repeats=repeats, seed=recipe.seed, strata=strata, groups=groups, names=target.classes)
    )
    listen(Event("note", f"the model of all rows; then {len(parts)} folds"))
    if out is not None and resume is None and _is_unfinished(Path(out)):
        out, resume = None, out
    stop = stop or Stop()
    shared: dict[str, Any] = {"stop": stop, "known": known_features(recipe, listen), "loaded": Loaded()}
    final = fit(begun, recipe, out=out, resume=resume, listen=_keeping(recipe, listen), **shared)
    stop.run = str(final.folder)  # with its folds it can go on
    recipe = dataclasses.replace(recipe, precision=final.recipe.precision)  # tried once, and the same in all
    measured: list[Mapping[str, float | None]] = []
    frames = []
    out_of_fold: dict[int, np.ndarray] = {}  # by row
    for number, (train, test) in enumerate(parts):
        repeat, fold = divmod(number, k)
        listen(
            Event("note", f"fold {fold + 1} of {k}" + (f", repeat {repeat + 1} of {repeats}" if repeats > 1 else ""))
        )
        own = _fold_data(dataset, rows, groups, train, test, recipe, f"fold {number} of {k}")
        seeded = dataclasses.replace(recipe, seed=mix(recipe.seed, "fold", repeat, fold) % 2**31)
        folder = final.folder / FOLDS / f"{repeat}-{fold}"
        if not _is_done(folder, own):
            fit(own, seeded, out=folder, listen=_of_a_fold(listen), report=False, **shared)
        frame = read_predictions(folder)
        frames.append(frame[frame["split"] == "test"].drop(columns="split").assign(repeat=repeat, fold=fold))
        for heavy in (MODEL, TRANSFERRED, "checkpoints"):
            shutil.rmtree(folder / heavy, ignore_errors=True)
        figures = read_json(folder / "metrics.json")["test"]["metrics"]
        measured.append({name: figure["value"] for name, figure in figures.items()})
        if repeat == 0:
            (outputs,) = frame_arrays(dataset.task, frames[-1])[2].values()
            out_of_fold |= zip(test.tolist(), outputs, strict=True)
    names = dict.fromkeys(name for figures in measured for name in figures)  # a fold may be of before a metric came
    values = {name: [figures.get(name) for figures in measured] for name in names}
    mean = _pooled(values, len(parts[0][0]), len(parts[0][1]))
    outputs = np.stack([out_of_fold[row] for row in range(len(rows))])
    together = evaluate(target, rows.y, outputs, seed=recipe.seed, groups=dataset.groups_of(rows))
    of_folds = dataclasses.replace(together, metrics={**together.metrics, **mean})
    said = headline(f"cross-validation ({k} folds)", target, of_folds, rows.y)
    result = CrossValidated(final, k, repeats, mean, together, values, said)
    storage.write_text(
        final.folder / RECORD, json.dumps(result.to_plain(), indent=1, ensure_ascii=False, allow_nan=False)
    )
    with storage.new_file(final.folder / FOLDS / "predictions.parquet") as path:
        pd.concat(frames).to_parquet(path)
    write_report(final.folder, new_card=True)
    stop.run = ""
    return result


def _only_target(task: Task) -> Target:
    if len(task.predicted) != 1:
        names = first_few(task.predicted) or "none"
        raise UsageError(f"Cross-validation measures one target; this task has {len(task.predicted)} ({names}).")
    if task.target.new_classes:
        raise UsageError(
            "Cross-validation puts the answers of all folds together, and embeddings of several models cannot be "
            f"compared. Repeat the run with other seeds in its place ({option('seed')}): each holds out other classes."
        )
    return task.target


def _keeping(recipe: Recipe, listen: Listener) -> Listener:
    """Write the recipe as it was given into the run's folder: each fold chooses for itself what it leaves open."""

    def tell(event: Event) -> None:
        if event.kind == "run":
            folder = Path(event.values["folder"]) / FOLDS
            folder.mkdir(exist_ok=True)
            storage.write_text(folder / "recipe.toml", recipe.to_toml())
        listen(event)

    return tell


def _is_unfinished(folder: Path) -> bool:
    """Return whether the folder holds the final run of a cross-validation whose folds were not all measured."""
    state = read_state(folder) if folder.is_dir() else None
    return state is not None and not (folder / RECORD).exists()


def _is_done(folder: Path, own: Dataset) -> bool:
    """Return whether a fold was measured already; one of other rows must not be taken for it."""
    state = read_state(folder) if folder.is_dir() else None
    if state is None or state.status != "finished":
        return False
    if state.fingerprint != own.fingerprint:
        raise UsageError(
            f"{folder} holds a fold of other rows. As many {option('folds')} as before, or another {option('out')}."
        )
    return True


def _all_rows(dataset: Dataset) -> Rows:
    return concatenate([dataset.splits[name] for name in ("train", "validation") if name in dataset.splits])


def _fold_data(
    dataset: Dataset,
    rows: Rows,
    groups: np.ndarray | None,
    train: np.ndarray,
    test: np.ndarray,
    recipe: Recipe,
    fold: str,
) -> Dataset:
    """Make a fold's data set: its test part is the fold, its validation part is cut from the rest."""
    parts = {}
    for name, places in (("train", train), ("test", test)):
        part = rows.take(places)
        together = None if groups is None else [str(group) for group in groups[places]]
        parts[name] = SplitRows(part, together)
    splits, notes = make_splits(parts, dataset.task, recipe.data, recipe.seed)
    made = {name: part.rows for name, part in splits.items()}
    pools = {"train": made["train"]}
    if UNLABELLED in dataset.pools:
        pools[UNLABELLED] = dataset.pools[UNLABELLED]
    drawn = tuple(name for name in ("validation",) if name in made)
    return Dataset(dataset.task, made, pools, tuple(notes), f"{dataset.fingerprint}-{fold}", drawn=drawn)


def _of_a_fold(listen: Listener) -> Listener:
    """Leave out what every fold says alike, and that a model was saved, as it is removed again."""

    def tell(event: Event) -> None:
        if event.kind not in ("note", "detail", "saved"):
            listen(event)

    return tell


def _pooled(values: Mapping[str, Sequence[float | None]], train: int, test: int) -> dict[str, Interval]:
    """Average each metric over the folds in which it is defined; None where it is in none.

    Student's t knows no limits: an interval is cut at the least and the greatest value that a metric can have.
    """
    known = {name: [value for value in found if value is not None] for name, found in values.items()}
    limits = {name: metric.limits for name, metric in every().items()}
    return {
        name: pool_folds(found, train_rows=train, test_rows=test).within(*limits.get(name, (-math.inf, math.inf)))
        if found
        else Interval(None)
        for name, found in known.items()
    }
