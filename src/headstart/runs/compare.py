"""Compare finished runs on the rows that they all were measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headstart.artifact.load import find
from headstart.artifact.save import DESCRIPTION
from headstart.core import options
from headstart.core.errors import DataError, Problem, UsageError
from headstart.core.types import Task
from headstart.evaluation.bootstrap import paired
from headstart.evaluation.calibrate import Calibration
from headstart.evaluation.results import Comparison, Interval
from headstart.evaluation.tables import frame_arrays
from headstart.runs.folder import read_json, read_predictions

SHOWN = 5  # rows that are named where runs differ


@dataclass(frozen=True)
class Compared:
    """Runs side by side. `comparisons` holds for each run but the first how it differs from the first."""

    split: str
    rows: int
    primary: str
    metrics: Mapping[str, Mapping[str, Interval]]  # by run
    comparisons: Mapping[str, Comparison]  # by run

    def to_plain(self) -> dict[str, Any]:
        """Return the JSON object that `headstart compare --json` prints last."""
        return {
            "split": self.split,
            "rows": self.rows,
            "primary": self.primary,
            "metrics": {
                run: {name: interval.to_plain() for name, interval in metrics.items()}
                for run, metrics in self.metrics.items()
            },
            "baseline": next(iter(self.metrics)),
            "comparisons": {run: comparison.to_plain() for run, comparison in self.comparisons.items()},
        }


@dataclass(frozen=True)
class _Measured:
    name: str
    task: Task
    thresholds: Mapping[str, float]
    metrics: Mapping[str, Any]
    ids: list[str]
    targets: np.ndarray
    predictions: np.ndarray


def compare(folders: Sequence[str | Path], *, seed: int = 0, resamples: int = 1000) -> Compared:
    """Compare runs with the first of them, on the test rows, or on the validation rows where one has no test rows.

    Args:
        folders: Two finished runs or more.
        seed: Of the resamples, which are the same rows for all runs.
        resamples: How many.

    Returns:
        The metrics of each run, and the differences to the first with intervals.

    Raises:
        UsageError: There are fewer than two runs, or one is named twice.
        StorageError: A folder holds no finished run.
        DataError: The runs are of different tasks, or were measured on different rows.
    """
    names = [str(folder) for folder in folders]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise UsageError(f"Name two different runs or more to compare; got {', '.join(names) or 'none'}.")
    for folder in folders:
        find(folder)
    recorded = [read_json(Path(folder) / "metrics.json") for folder in folders]
    split = next((s for s in ("test", "validation") if all(s in metrics for metrics in recorded)), None)
    if split is None:
        raise DataError("The runs have no split in common on which all of them were measured.")
    runs = [_measured(Path(f), metrics[split], split) for f, metrics in zip(folders, recorded, strict=True)]
    first, *others = runs
    comparisons = {}
    for other in others:
        predictions = _aligned(first, other, split)
        comparisons[other.name] = paired(
            first.task,
            first.targets,
            first.predictions,
            predictions,
            seed=seed,
            resamples=resamples,
            thresholds=(first.thresholds, other.thresholds),
        )
    metrics = {
        run.name: {name: Interval(**interval) for name, interval in run.metrics["metrics"].items()} for run in runs
    }
    return Compared(split, len(first.ids), first.metrics["primary"], metrics, comparisons)


def _measured(folder: Path, metrics: Mapping[str, Any], split: str) -> _Measured:
    description = read_json(find(folder) / DESCRIPTION)
    task = Task.parse(description["task"], str(folder))
    calibration = options.build(Calibration, description.get("calibration", {}), str(folder))
    frame = read_predictions(folder)
    ids, targets, predictions = frame_arrays(task, frame.loc[frame["split"] == split])
    return _Measured(str(folder), task, calibration.thresholds, metrics, ids, targets, predictions)


def _aligned(first: _Measured, other: _Measured, split: str) -> np.ndarray:
    """Return the other's predictions with rows and classes in the order of the first's."""
    if (first.task.kind, set(first.task.classes)) != (other.task.kind, set(other.task.classes)):
        raise DataError(f"{first.name} and {other.name} are of different tasks: their kinds or classes differ.")
    if first.task.kind == "regression" and first.task.labels != other.task.labels:
        raise DataError(
            f"{first.name} and {other.name} predict different numbers: {first.task.labels}, {other.task.labels}."
        )
    places = {row: place for place, row in enumerate(other.ids)}
    common = [row for row in first.ids if row in places]
    if len(common) < len(first.ids) or len(common) < len(other.ids):
        raise DataError(
            f"The runs were not measured on the same {split} rows: {first.name} on {len(first.ids):,}, {other.name} on "
            f"{len(other.ids):,}, of which {len(common):,} are common. Fit both with the same splits: the same data "
            "and --seed, or splits that are given."
        )
    order = [places[row] for row in first.ids]
    targets, predictions = other.targets[order], other.predictions[order]
    columns = [other.task.classes.index(name) for name in first.task.classes]
    if columns:
        predictions = predictions[:, columns]
        targets = targets[:, columns] if first.task.kind == "multilabel" else np.argsort(columns)[targets]
    unlike = np.flatnonzero((targets != first.targets).reshape(len(targets), -1).any(axis=1))
    if unlike.size:
        problems = [Problem(first.ids[place], "has another label") for place in unlike[:SHOWN]]
        raise DataError(f"{unlike.size} of {len(targets)} rows have different labels in the two runs:", problems)
    return predictions
