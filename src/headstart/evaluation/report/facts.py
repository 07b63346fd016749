"""What a report is made of: plain data that lies in the files of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NotRequired, TypedDict

import numpy as np

from headstart.core.errors import first_few
from headstart.core.recipe import Recipe
from headstart.core.types import Calibration, Labels, Measurements, Target, Task
from headstart.drawing.blocks import Section
from headstart.evaluation.intervals import share_interval
from headstart.metrics._find import find

SPLITS = ("test", "validation")  # the one that counts first
ITSELF = "as it is"  # beside the views of an example: as the data has it


class StageMoves(TypedDict):
    """How much of one stage of the network is no longer bit-identical to the source, in parameters (numbers)."""

    name: str
    parameters: int
    moved: int
    new: NotRequired[bool]


class Map(TypedDict):
    """Rows in two dimensions by PCA of their features.

    groups: places in `names`, or numbers where it is empty; None without a label. of_target: of two domains, how many
    rows are of the target; the source's follow.
    """

    split: str
    rows: int
    names: list[str]
    groups: list[float | None]
    before: list[list[float]]
    after: NotRequired[list[list[float]]]
    variance: list[float]  # share of the variance that the two dimensions show, before and after
    of_target: NotRequired[int]


class Distance(TypedDict):
    """How far two domains are from each other by their features: proxy A-distance, squared MMD."""

    a_distance: float
    mmd: float


class Apart(TypedDict):
    """How far two domains are from each other in the source model, and after training; rows: of each domain."""

    rows: int
    before: Distance
    after: NotRequired[Distance]


class Example(TypedDict):
    """One row with what the model gave for it. `how` says how sure or how wrong, in words."""

    id: str
    label: str
    prediction: str
    how: str
    verdict: NotRequired[str]  # "right" or "wrong"
    text: NotRequired[str]
    image: NotRequired[str]  # a data URI
    tiny: NotRequired[bool]  # an image of few pixels, to be shown enlarged
    sound: NotRequired[str]  # a data URI
    heat: NotRequired[str]  # a data URI that lies over the image: what spoke for the prediction
    pieces: NotRequired[list[tuple[str, float]]]  # words or columns, and how much each speaks for the prediction
    marked: NotRequired[list[tuple[str, list[tuple[str, str, str]]]]]  # lines of a text, with what is marked in each
    listed: NotRequired[bool]  # the pieces stand below each other
    about: NotRequired[str]  # the output that heat or pieces are of, where a row has several


class Seen(TypedDict):
    """Training rows as the network sees them.

    of: how many training rows there are. examples: of each row its "id", its "label" in words, and its "views": by
    name what is shown, `ITSELF` first. walked: the row whose way into the network is told. steps: of its way, each
    with what it gave.
    """

    of: int
    examples: list[Mapping[str, Any]]
    walked: str
    steps: list[tuple[str, str]]


class Observed(TypedDict):
    """What is seen while a run goes on and is in no other file of it (`report.json`).

    Keys are splits, or "SPLIT:TARGET" where there are several targets; then `mistakes` and `wrong` are by target.
    """

    format: int
    source: Mapping[str, Any]  # the source's card
    notes: list[str]
    rows: dict[str, int]  # by split
    classes: dict[str, dict[str, int]]  # rows by class, by split
    ranges: dict[str, dict[str, list[float]]]  # of numbers: least, mean and greatest label, by split and column
    moves: list[StageMoves]
    map: NotRequired[Map]
    apart: NotRequired[Apart]
    mistakes_of: str  # the split
    mistakes: list[Example] | dict[str, list[Example]]
    examples: NotRequired[dict[str, list[Example]]]  # by target: some rows, right and wrong
    shown: NotRequired[Seen]  # a few rows, taken down before training
    told: NotRequired[list[str]]  # how the source, the surgery and the method were chosen
    wrong: int | dict[str, int]  # rows, of which `mistakes` are the worst
    cost: dict[str, Any]


class Arrays(NamedTuple):
    """Labels and calibrated outputs of a target on a split."""

    labels: Labels
    outputs: np.ndarray


@dataclass(frozen=True)
class TargetFacts:
    """What was measured of one target: entries of metrics.json, and arrays, by split.

    suffix: what is put after titles, "" where there is one target. domains: the one that the rows of each split are
    of, empty without domains. out_of_fold: the evaluation of a cross-validation, over the rows of all folds.
    """

    name: str
    suffix: str
    target: Target
    metrics: Mapping[str, Mapping[str, Any]]
    arrays: Mapping[str, Arrays]
    calibration: Calibration
    domains: Mapping[str, str] = field(default_factory=dict)
    out_of_fold: Mapping[str, Any] | None = None

    @property
    def split(self) -> str | None:
        """The split that counts: "test", else "validation", else None."""
        return next((split for split in SPLITS if split in self.metrics), None)

    @property
    def higher_is_better(self) -> dict[str, bool]:
        """Which way each metric is better, as the run recorded it: its plug-in may be gone."""
        return {name: flag for entry in self._evaluations for name, flag in entry["higher_is_better"].items()}

    def named(self, split: str) -> str:
        """Name a split, with the domain that its rows are of."""
        return f"{split} ({self.domains[split]})" if self.domains.get(split) else split

    def unit(self, metric: str) -> str:
        """Return the unit of a metric: as the run recorded it, else as the metric says now; "" where neither is known.

        Runs of version 0.1 recorded none.
        """
        for entry in self._evaluations:
            if metric in entry.get("units", {}):
                return entry["units"][metric]
        known = find(metric)
        return "" if known is None else known.unit(self.target.form, self.target.names)

    def sections(self) -> list[Section]:
        """Make the target's own sections."""
        split = self.split
        if split is None or split not in self.arrays:
            return []
        names = dict.fromkeys(name for entry in self.metrics.values() for name in entry["metrics"])
        units = {name: self.unit(name) for name in names}
        metrics = {self.named(name): entry for name, entry in self.metrics.items()}
        seen = Measurements(self.named(split), *self.arrays[split], metrics, units, self.calibration, _ends)
        return self.target.sections(seen)

    @property
    def _evaluations(self) -> list[Mapping[str, Any]]:
        return [*self.metrics.values(), *([self.out_of_fold] if self.out_of_fold else [])]


@dataclass(frozen=True)
class Facts:
    """All that a report says of a run.

    run: run.json. metrics: metrics.json. history: the lines of metrics.jsonl. folds: folds.json, where
    there was a cross-validation. search: search.json, where source and method were searched for. folder: how the user
    called the run. arrays: by the keys of metrics.json. calibrations: by target.
    """

    folder: str
    task: Task
    recipe: Recipe
    run: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    arrays: Mapping[str, Arrays]
    observed: Observed
    calibrations: Mapping[str, Calibration]
    versions: Mapping[str, str]
    created: str
    folds: Mapping[str, Any] | None = None
    search: Mapping[str, Any] | None = None

    @property
    def targets(self) -> list[TargetFacts]:
        """What was measured, by target."""
        return [
            TargetFacts(
                name,
                f": {name}" if len(self.task.targets) > 1 else "",
                target,
                {split: self.metrics[key] for split, key in self._keys(name) if key in self.metrics},
                {split: self.arrays[key] for split, key in self._keys(name) if key in self.arrays},
                self.calibrations.get(name, Calibration()),
                self.domains,
                self.folds["out_of_fold"] if self.folds else None,
            )
            for name, target in self.task.predicted.items()
        ]

    @property
    def split(self) -> str | None:
        """The split that counts: "test", else "validation", else None."""
        measured = {found.split for found in self.targets}
        return next((split for split in SPLITS if split in measured), None)

    @property
    def domains(self) -> dict[str, str]:
        """The domain of each split: the test rows are of the target's, the others of the source's."""
        source, target = map(first_few, self.recipe.data.domains)
        return {"train": source, "validation": source, "test": target} if target else {}

    @property
    def kind(self) -> str:
        """What the model does, in words: "binary classification", of several targets each with its name."""
        titles = {name: target.title for name, target in self.task.targets.items()}
        if len(titles) == 1:
            return next(iter(titles.values()))
        return ", ".join(f"{name} ({title})" for name, title in titles.items())

    def _keys(self, name: str) -> list[tuple[str, str]]:
        return [(split, self.task.key(split, name)) for split in SPLITS]


def _ends(right: float, rows: float) -> tuple[float, float]:
    found = share_interval(right, rows)
    assert found.low is not None and found.high is not None
    return found.low, found.high


def short_name(source: str) -> str:
    """Shorten a source that is a path to what tells it from others: "hf:…/all_minilm/model"."""
    kind, colon, path = source.partition(":")
    parts = path.split("/")
    return f"{kind}{colon}…/{'/'.join(parts[-2:])}" if len(parts) > 3 else source
