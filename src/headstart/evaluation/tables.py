"""Turn evaluations into rows of text, and predictions into a data frame and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from headstart.core.errors import DataError
from headstart.core.types import Task
from headstart.evaluation.results import Comparison, Evaluation, Interval
from headstart.evaluation.thresholds import decide

if TYPE_CHECKING:
    import pandas as pd

MOST_DIGITS = 6
UNKNOWN = "–"


def metric_rows(evaluation: Evaluation | Comparison) -> list[tuple[str, str, str]]:
    """Return name, value and interval of each metric (or difference), the primary one first."""
    values = evaluation.metrics if isinstance(evaluation, Evaluation) else evaluation.differences
    names = sorted(values, key=lambda name: name != evaluation.primary)  # stable: the others keep their order
    return [(name, *interval_text(values[name])) for name in names]


def class_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Return the table by class (or regression target): a row of headings, then a row for each class."""
    if not evaluation.per_class:
        return []
    columns = list(next(iter(evaluation.per_class.values())))
    rows = [(name, *(_cell(column, row[column]) for column in columns)) for name, row in evaluation.per_class.items()]
    return [("", *columns), *rows]


def interval_text(interval: Interval) -> tuple[str, str]:
    """Write a value and its interval, both to two digits of the interval's width; four digits without an interval."""
    value, low, high = interval.value, interval.low, interval.high
    if value is None:
        return UNKNOWN, UNKNOWN
    if low is None or high is None:
        return number_text(value), UNKNOWN
    if high <= low:
        return number_text(value), f"{number_text(low)} to {number_text(high)}"
    places = 1 - math.floor(math.log10(high - low))
    return _fixed(value, places), f"{_fixed(low, places)} to {_fixed(high, places)}"


def number_text(value: float) -> str:
    """Write a number to four digits."""
    return _fixed(value, 3 - math.floor(math.log10(abs(value))) if value else 3)


def predictions_frame(
    task: Task,
    ids: Sequence[str],
    targets: np.ndarray | None,
    predictions: np.ndarray,
    *,
    thresholds: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Make the table of predictions, one row an example.

    Columns: `id`; `label` and `prediction` (a class, for multi-label tasks a list of classes, a number; with several
    targets `label:TARGET` and `prediction:TARGET`); for tasks with classes a probability each, `p:CLASS`.

    Args:
        task: What was predicted.
        ids: Names of the rows, N.
        targets: Labels [N], [N, C] or [N, T]; None leaves the label columns out.
        predictions: Probabilities [N, C] or values [N, T].
        thresholds: As `evaluate` takes them, so that the column `prediction` is what was evaluated.

    Returns:
        The data frame.
    """
    import pandas as pd

    columns: dict[str, object] = {"id": list(ids)}
    if task.kind == "regression":
        for suffix, place in _target_columns(task):
            if targets is not None:
                columns[f"label{suffix}"] = targets[:, place]
            columns[f"prediction{suffix}"] = predictions[:, place]
        return pd.DataFrame(columns)
    if targets is not None:
        columns["label"] = _class_names(task, targets)
    columns["prediction"] = _class_names(task, decide(task, predictions, thresholds))
    columns |= {f"p:{name}": predictions[:, place] for place, name in enumerate(task.classes)}
    return pd.DataFrame(columns)


def frame_arrays(task: Task, frame: pd.DataFrame) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Read a table of predictions back, as `headstart compare` does.

    Args:
        task: What was predicted.
        frame: A labelled one from `predictions_frame`.

    Returns:
        The ids, the targets and the predictions.

    Raises:
        DataError: A column is missing, or a label is no class of the task.
    """
    regression = task.kind == "regression"
    suffixes = [suffix for suffix, _ in _target_columns(task)] if regression else [""]
    labels = [f"label{suffix}" for suffix in suffixes]
    values = [f"prediction{suffix}" for suffix in suffixes] if regression else [f"p:{name}" for name in task.classes]
    missing = [name for name in ("id", *labels, *values) if name not in frame.columns]
    if missing:
        raise DataError(f"The predictions lack columns: {', '.join(missing)}. Are they of another task, or unlabelled?")
    ids, predictions = frame["id"].astype(str).tolist(), frame[values].to_numpy()
    if regression:
        return ids, frame[labels].to_numpy(), predictions
    place = {name: i for i, name in enumerate(task.classes)}
    cells = [[cell] if isinstance(cell, str) else list(cell) for cell in frame["label"]]
    foreign = sorted({name for cell in cells for name in cell if name not in place})
    if foreign:
        raise DataError(f"The predictions hold labels that are no class of the task: {', '.join(foreign)}.")
    if task.kind != "multilabel":
        return ids, np.array([place[cell[0]] for cell in cells], dtype=np.int64), predictions
    targets = np.zeros((len(cells), len(place)), dtype=np.float32)
    for row, cell in enumerate(cells):
        targets[row, [place[name] for name in cell]] = 1
    return ids, targets, predictions


def _target_columns(task: Task) -> list[tuple[str, int]]:
    return [(f":{name}" if len(task.labels) > 1 else "", place) for place, name in enumerate(task.labels)]


def _class_names(task: Task, values: np.ndarray) -> list[str] | list[list[str]]:
    if values.ndim == 1:
        return [task.classes[int(value)] for value in values]
    return [[task.classes[place] for place in np.flatnonzero(row)] for row in values]


def _cell(column: str, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return str(int(value)) if column == "support" else number_text(value)


def _fixed(value: float, places: int) -> str:
    text = f"{value:.3g}" if places > MOST_DIGITS else f"{value:.{max(places, 0)}f}"
    return text if float(text) else text.removeprefix("-")
