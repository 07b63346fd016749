"""Compare finished runs on the rows that they all were measured on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from headstart.artifact.find import DESCRIPTION, find
from headstart.artifact.save import read_calibrations
from headstart.core import storage
from headstart.core.errors import DataError, Problem, UsageError, first_few
from headstart.core.interface import option
from headstart.core.ranges import check_numbers
from headstart.core.recipe import Recipe
from headstart.core.types import Calibration, Task
from headstart.data.rows import Rows, take
from headstart.drawing.blocks import Words
from headstart.drawing.draw import draw
from headstart.drawing.text import UNKNOWN
from headstart.evaluation.bootstrap import paired
from headstart.evaluation.report.comparison import metrics_table, render
from headstart.evaluation.report.sides import Side, Sides
from headstart.evaluation.results import Comparison, Interval
from headstart.evaluation.tables import frame_arrays, known_labels
from headstart.runs.folder import read_json, read_predictions

SEED = "seed"  # its path in the recipe
SHOWN = 5  # rows that are named where runs differ


@dataclass(frozen=True)
class TargetCompared:
    """One target of runs side by side. `comparisons` holds for each run but the first how it differs from the first."""

    primary: str
    metrics: Mapping[str, Mapping[str, Interval]]  # by run
    comparisons: Mapping[str, Comparison]  # by run
    units: Mapping[str, str]  # by metric
    rows: int  # that have its label

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, safe for JSON."""
        return {
            "primary": self.primary,
            "metrics": {
                run: {name: interval.to_plain() for name, interval in metrics.items()}
                for run, metrics in self.metrics.items()
            },
            "rows": self.rows,
            "baseline": next(iter(self.metrics)),
            "comparisons": {run: comparison.to_plain() for run, comparison in self.comparisons.items()},
        }


@dataclass(frozen=True, repr=False)
class Compared:
    """Runs side by side, by target; `primary`, `metrics` and `comparisons` are short forms where there is one.

    settings: each setting of the recipes that differs, with its value by run. groups: the runs, those that differ in
    the seed alone together.
    """

    split: str
    rows: int
    targets: Mapping[str, TargetCompared]
    settings: Mapping[str, Mapping[str, str]]
    groups: Sequence[Sequence[str]]

    def __repr__(self) -> str:
        """Name the runs with their primary figure, and say which is ahead."""
        lines = []
        for side in self.sides.targets:
            figures = (
                f"{name} {side.figure(group, side.primary).text}"
                for name, group in zip(side.names, side.groups, strict=True)
            )
            of = f" of {side.name}" if len(self.targets) > 1 else ""
            lines += [f"{side.primary}{of} on {side.rows:,} {self.split} rows: {first_few(figures)}", *side.said()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Show the metrics of all runs in a notebook."""
        return draw([[*map(Words, side.said()), metrics_table(side)] for side in self.sides.targets])

    def save(self, path: str | Path) -> Path:
        """Write the page with charts of all runs.

        Args:
            path: The file, such as "comparison.html".

        Returns:
            The same path.
        """
        storage.write_text(Path(path), render(self.sides))
        return Path(path)

    @property
    def sides(self) -> Sides:
        """What the page and the terminal show."""
        sides = [
            Side(name, found.primary, found.metrics, found.comparisons, found.units, self.groups, found.rows)
            for name, found in self.targets.items()
        ]
        return Sides(self.split, self.rows, sides, self.settings)

    @property
    def primary(self) -> str:
        """The primary metric of the only target."""
        return self._only.primary

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Interval]]:
        """The metrics of the only target, by run."""
        return self._only.metrics

    @property
    def comparisons(self) -> Mapping[str, Comparison]:
        """How each run but the first differs from the first, for the only target."""
        return self._only.comparisons

    @property
    def _only(self) -> TargetCompared:
        assert len(self.targets) == 1, f"the runs have {len(self.targets)} targets"
        return next(iter(self.targets.values()))

    def to_plain(self) -> dict[str, Any]:
        """Return the JSON object that `headstart compare --json` prints last."""
        plain = {name: compared.to_plain() for name, compared in self.targets.items()}
        for side in self.sides.targets:
            plain[side.name] |= {"groups": side.grouped()} if side.grouped() else {}
        several = len(plain) > 1
        start = {"split": self.split, "rows": self.rows, "settings": {k: dict(v) for k, v in self.settings.items()}}
        return start | ({"targets": plain} if several else next(iter(plain.values())))


@dataclass(frozen=True)
class _Measured:
    name: str
    task: Task
    settings: Mapping[str, str]
    calibrations: Mapping[str, Calibration]
    metrics: Mapping[str, Mapping[str, Any]]  # by target
    rows: Rows
    outputs: Mapping[str, np.ndarray]


def compare(folders: Sequence[str | PathLike[str]], *, seed: int = 0, resamples: int = 1000) -> Compared:
    """Compare runs with the first of them, on the test rows, or on the validation rows where one has no test rows.

    Args:
        folders: Two finished runs or more, or their folders.
        seed: Seed of the resamples, which are the same rows for all runs.
        resamples: How many.

    Returns:
        The metrics of each run, and the differences to the first with intervals.

    Raises:
        UsageError: There are fewer than two runs, one is named twice, or a number is out of its range.
        StorageError: A folder holds no finished run.
        DataError: The runs are of different tasks, or were measured on different rows.
    """
    check_numbers({"seed": seed, "resamples": resamples})
    if isinstance(folders, str | PathLike):
        raise UsageError(f"Name the runs to compare in a list: [{os.fspath(folders)!r}, ANOTHER].")
    names = [os.fspath(folder) for folder in folders]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise UsageError(f"Name two different runs or more to compare; got {first_few(names) or 'none'}.")
    for folder in names:
        find(folder)
    recorded = [read_json(Path(folder) / "metrics.json") for folder in names]
    split = next((s for s in ("test", "validation") if all(s in _splits(metrics) for metrics in recorded)), None)
    if split is None:
        raise DataError("The runs have no split in common on which all of them were measured.")
    runs = [_measured(Path(f), metrics, split) for f, metrics in zip(names, recorded, strict=True)]
    first, *others = runs
    aligned = {other.name: _aligned(first, other, split) for other in others}
    targets = {}
    for name, target in first.rows.predicted(first.task).items():
        places = first.rows.places(name)
        comparisons = {
            other.name: paired(
                target,
                first.rows.labels_of(name),
                first.outputs[name][places],
                aligned[other.name][name][places],
                seed=seed,
                resamples=resamples,
                thresholds=(first.calibrations[name].thresholds, other.calibrations[name].thresholds),
            )
            for other in others
        }
        metrics = {
            run.name: {metric: Interval(**interval) for metric, interval in run.metrics[name]["metrics"].items()}
            for run in runs
        }
        units = first.metrics[name].get("units", {})  # runs of version 0.1 recorded none
        targets[name] = TargetCompared(
            first.metrics[name]["primary"], metrics, comparisons, units, len(first.rows.labels_of(name))
        )
    settings = {run.name: run.settings for run in runs}
    return Compared(split, len(first.rows), targets, _differing(settings), _groups(settings))


def _groups(settings: Mapping[str, Mapping[str, str]]) -> list[list[str]]:
    """Put runs together whose settings differ in the seed alone."""
    groups: dict[frozenset[tuple[str, str]], list[str]] = {}
    for run, own in settings.items():
        groups.setdefault(frozenset((path, value) for path, value in own.items() if path != SEED), []).append(run)
    return list(groups.values())


def _differing(settings: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Keep the settings that are not the same in all runs."""
    names = dict.fromkeys(name for own in settings.values() for name in own)
    by_run = {name: {run: own.get(name, UNKNOWN) for run, own in settings.items()} for name in names}
    return {name: values for name, values in by_run.items() if len(set(values.values())) > 1}


def _flat(plain: Any, prefix: str = "") -> dict[str, str]:
    """Write nested settings by their paths, such as "stages.0.lr"; lists of plain values stay together."""
    if isinstance(plain, Mapping):
        inner = plain.items()
    elif isinstance(plain, list) and any(isinstance(part, Mapping) for part in plain):
        inner = enumerate(plain)
    else:
        text = ", ".join(map(str, plain)) if isinstance(plain, list) else str(plain)
        return {prefix: text} if text and plain is not None else {}
    return {path: text for key, part in inner for path, text in _flat(part, f"{prefix}.{key}".lstrip(".")).items()}


def _splits(metrics: Mapping[str, Any]) -> set[str]:
    return {key.partition(":")[0] for key in metrics}


def _measured(folder: Path, metrics: Mapping[str, Any], split: str) -> _Measured:
    description = read_json(find(folder) / DESCRIPTION)
    task = Task.parse(description["task"], str(folder))
    calibrations = read_calibrations(task, description.get("calibration", {}), str(folder))
    frame = read_predictions(folder)
    own = frame.loc[frame["split"] == split]
    ids, labels, outputs = frame_arrays(task, own)
    rows = Rows(ids, None, labels, known=known_labels(task, own))
    figures = {name: metrics[task.key(split, name)] for name in rows.predicted(task)}
    settings = _flat(Recipe.from_plain(description["recipe"]).to_plain())
    return _Measured(str(folder), task, settings, calibrations, figures, rows, outputs)


def _aligned(first: _Measured, other: _Measured, split: str) -> dict[str, np.ndarray]:
    """Return the other's outputs by target, with rows and classes in the order of the first's."""
    _check_same_targets(first, other)
    places = {row: place for place, row in enumerate(other.rows.ids)}
    common = [row for row in first.rows.ids if row in places]
    if len(common) < len(first.rows) or len(common) < len(other.rows):
        raise DataError(
            f"The runs were not measured on the same {split} rows: {first.name} on {len(first.rows):,}, {other.name} "
            f"on {len(other.rows):,}, of which {len(common):,} are common. Fit both with the same splits: the same "
            f"data and seed ({option('seed')}), or splits that are given."
        )
    order = [places[row] for row in first.rows.ids]
    aligned, every = {}, np.ones(len(order), dtype=bool)
    for name, target in first.task.predicted.items():
        classes = other.task.targets[name].classes
        theirs = take(other.rows.labels[name], order)
        labels, outputs = target.reorder(classes, theirs, other.outputs[name][order])
        known, has = first.rows.known.get(name, every), other.rows.known.get(name, every)[order]
        pairs = zip(labels, first.rows.labels[name], strict=True)
        differ = np.array([not np.array_equal(*pair) for pair in pairs], dtype=bool)
        unlike = np.flatnonzero(np.where(known & has, differ, known != has))
        if unlike.size:
            problems = [Problem(str(first.rows.ids[place]), "has another label") for place in unlike[:SHOWN]]
            raise DataError(f"{unlike.size} of {len(labels)} rows have different labels in the two runs:", problems)
        aligned[name] = outputs
    return aligned


def _check_same_targets(first: _Measured, other: _Measured) -> None:
    if list(first.task.predicted) != list(other.task.predicted):
        ours, theirs = (first_few(run.task.predicted) for run in (first, other))
        raise DataError(f"{first.name} and {other.name} have other targets: {ours}; {theirs}.")
    for name, target in first.task.predicted.items():
        against = other.task.targets[name]
        if type(target) is not type(against) or set(target.classes) != set(against.classes):
            raise DataError(f"{first.name} and {other.name} are of different tasks: their kinds or classes differ.")
        if not target.classes and target.columns != against.columns:
            raise DataError(
                f"{first.name} and {other.name} predict different numbers: {target.columns}, {against.columns}."
            )
