"""What a report is made of: plain data that lies in the files of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NotRequired, TypedDict

import numpy as np

from headstart.core.recipe import Recipe
from headstart.core.types import Task
from headstart.evaluation.calibrate import Calibration
from headstart.evaluation.results import FORMS
from headstart.metrics._find import find

TASKS = {
    "binary": "binary classification",
    "multiclass": "multi-class classification",
    "multilabel": "multi-label classification",
    "regression": "regression",
}


class StageMoves(TypedDict):
    """How much of one stage of the network is no longer bit-identical to the source, in parameters (numbers)."""

    name: str
    parameters: int
    moved: int
    new: NotRequired[bool]


class Map(TypedDict):
    """Rows in two dimensions by PCA of their features; `groups` are places in `names`, or values of a regression."""

    split: str
    rows: int
    names: list[str]
    groups: list[float]
    before: list[list[float]]
    after: NotRequired[list[list[float]]]
    variance: list[float]  # share of the variance that the two dimensions show, before and after


class Mistake(TypedDict):
    """One row that the model got wrong. `how` says how wrong, in words."""

    id: str
    label: str
    prediction: str
    how: str
    text: NotRequired[str]
    image: NotRequired[str]  # a data URI
    tiny: NotRequired[bool]  # an image of few pixels, to be shown enlarged


class Observed(TypedDict):
    """What is seen while a run goes on and is in no other file of it (`report.json`)."""

    format: int
    source: Mapping[str, Any]  # the source's card
    notes: list[str]
    rows: dict[str, int]  # by split
    classes: dict[str, dict[str, int]]  # rows by class, by split
    ranges: dict[str, dict[str, list[float]]]  # regression: least, mean and greatest label, by split and target
    moves: list[StageMoves]
    map: NotRequired[Map]
    mistakes_of: str  # the split
    mistakes: list[Mistake]
    wrong: int  # rows, of which `mistakes` are the worst
    cost: dict[str, Any]


class Arrays(NamedTuple):
    """Labels and calibrated predictions of a split."""

    targets: np.ndarray
    predictions: np.ndarray


@dataclass(frozen=True)
class Facts:
    """All that a report says of a run.

    run: run.json. metrics: metrics.json. history: the lines of metrics.jsonl. folds: folds.json, where
    there was a cross-validation. folder: how the user called the run.
    """

    folder: str
    task: Task
    recipe: Recipe
    run: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    arrays: Mapping[str, Arrays]
    observed: Observed
    calibration: Calibration
    versions: Mapping[str, str]
    created: str
    folds: Mapping[str, Any] | None = None

    @property
    def split(self) -> str | None:
        """The split that counts: "test", else "validation", else None."""
        return next((name for name in ("test", "validation") if name in self.metrics), None)

    @property
    def higher_is_better(self) -> dict[str, bool]:
        """Which way each metric is better, as the run recorded it: its plug-in may be gone."""
        return {name: flag for entry in self._evaluations for name, flag in entry["higher_is_better"].items()}

    @property
    def units(self) -> dict[str, str]:
        """The units that the run recorded; runs of version 0.1 recorded none."""
        return {name: unit for entry in self._evaluations for name, unit in entry.get("units", {}).items()}

    @property
    def _evaluations(self) -> list[Mapping[str, Any]]:
        return [*self.metrics.values(), *([self.folds["out_of_fold"]] if self.folds else [])]


def unit(facts: Facts, metric: str) -> str:
    """Return the unit of a metric: as recorded, else as the metric says now; "" where neither is known."""
    if metric in facts.units:
        return facts.units[metric]
    known = find(metric)
    return "" if known is None else known.unit(FORMS[facts.task.kind], facts.task.classes or facts.task.labels)


def words(metric: str) -> str:
    """Write a metric's name so that it can be broken into lines: "balanced accuracy"."""
    return metric.replace("_", " ")


def short_name(source: str) -> str:
    """Shorten a source that is a path to what tells it from others: "hf:…/all_minilm/model"."""
    kind, colon, path = source.partition(":")
    parts = path.split("/")
    return f"{kind}{colon}…/{'/'.join(parts[-2:])}" if len(parts) > 3 else source
