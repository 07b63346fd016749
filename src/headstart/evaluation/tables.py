"""Turn evaluations into rows of text, and predictions into a data frame and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.cells import missing
from headstart.core.errors import DataError, first_few
from headstart.core.types import Calibration, Labels, Task
from headstart.drawing.text import UNKNOWN, fixed_text, number_text
from headstart.evaluation.results import Evaluation, Interval

if TYPE_CHECKING:
    import pandas as pd


def metric_rows(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """Return name, value and interval of each metric, the primary one first."""
    values = evaluation.metrics
    names = sorted(values, key=lambda name: name != evaluation.primary)  # stable: the others keep their order
    return [(name, *interval_text(values[name])) for name in names]


def metrics_frame(evaluations: Mapping[str, Evaluation]) -> pd.DataFrame:
    """Make a table of all figures.

    Args:
        evaluations: By "SPLIT", or "SPLIT:TARGET" where there are several targets.

    Returns:
        A row for each split, target (where there are several) and metric, which are the index; the columns are
        `value`, the bounds `low` and `high` of its interval, and `unit`.
    """
    import pandas as pd

    several = any(":" in key for key in evaluations)
    rows = [
        (*key.split(":", 1), name, found.value, found.low, found.high, evaluation.units[name])
        for key, evaluation in evaluations.items()
        for name, found in evaluation.metrics.items()
    ]
    index = ["split", *(["target"] if several else []), "metric"]
    frame = pd.DataFrame(rows, columns=pd.Index([*index, "value", "low", "high", "unit"]))
    return frame.astype({"value": float, "low": float, "high": float}).set_index(index)


def shown_as_html(lines: Sequence[str], evaluations: Mapping[str, Evaluation]) -> str:
    """Write a result for a notebook: some lines, and a table of all figures of each split.

    Args:
        lines: The first is the title.
        evaluations: By "SPLIT", or "SPLIT:TARGET" where there are several targets.

    Returns:
        A piece of HTML.
    """
    from headstart.drawing.blocks import Table, Words
    from headstart.drawing.draw import draw

    tables = [
        Table((key, "value", f"{evaluation.level:.0%} interval", "unit"), metric_lines(evaluation))
        for key, evaluation in evaluations.items()
    ]
    return draw([*map(Words, lines), *tables])


def metric_lines(evaluation: Evaluation) -> list[tuple[str, str, str, str]]:
    """Return name, value, interval and unit of each metric, the primary one first."""
    return [(*row, evaluation.units[row[0]]) for row in metric_rows(evaluation)]


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
    return fixed_text(value, places), f"{fixed_text(low, places)} to {fixed_text(high, places)}"


def predictions_frame(
    task: Task,
    ids: Sequence[str],
    labels: Mapping[str, Labels],
    outputs: Mapping[str, np.ndarray],
    *,
    calibrations: Mapping[str, Calibration] | None = None,
    known: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> pd.DataFrame:
    """Make the table of predictions, one row an example.

    Columns: `id`; `label` and `prediction` (a class, for multi-label targets a list of classes, a number; with several
    columns of numbers `label:COLUMN` and `prediction:COLUMN`); for targets with classes a probability each, `p:CLASS`.
    Where there are several targets, "TARGET." stands before the names of its columns.

    Args:
        task: What was predicted.
        ids: Names of the rows, N.
        labels: Labels by target; a target without leaves its label columns out.
        outputs: Probabilities [N, C] or values [N, T] by target.
        calibrations: Calibrations by target; their thresholds decide, so that the column `prediction` is what was
            evaluated.
        known: By target, which rows have its label, [N]: the others' cells are missing. None is named where all do.

    Returns:
        The data frame.
    """
    import pandas as pd

    columns: dict[str, Any] = {"id": list(ids)}
    for name, target in task.predicted.items():
        thresholds = (calibrations or {}).get(name, Calibration()).thresholds
        table = target.table(labels.get(name), outputs[name], thresholds)
        for column in (column for column in table if name in known and _holds_labels(column)):
            table[column] = pd.Series(table[column]).where(known[name])
        columns |= {f"{_prefix(task, name)}{column}": cells for column, cells in table.items()}
    return pd.DataFrame(columns)


def _holds_labels(column: str) -> bool:
    """Return whether a column of a target's table holds labels: `label`, or `label:COLUMN` of several numbers."""
    return column.partition(":")[0] == "label"


def flat_frame(task: Task, frame: pd.DataFrame) -> pd.DataFrame:
    """Write what a table of predictions holds as single values, for formats without lists.

    Args:
        task: What was predicted.
        frame: The table; a cell is missing where a row was left out.

    Returns:
        The table without lists.
    """
    columns = {}
    for name, target in task.predicted.items():
        for column in (f"{_prefix(task, name)}label", f"{_prefix(task, name)}prediction"):
            if column in frame:
                columns[column] = [cell if missing(cell) else target.cell(cell) for cell in frame[column]]
        if (column := f"{_prefix(task, name)}probability") in frame:
            columns[column] = ["|".join(map(str, cell)) if isinstance(cell, list) else cell for cell in frame[column]]
    return frame.assign(**columns)


def frame_arrays(task: Task, frame: pd.DataFrame) -> tuple[list[str], dict[str, Labels], dict[str, np.ndarray]]:
    """Read a table of predictions back, as `headstart compare` does.

    Args:
        task: What was predicted.
        frame: A labelled one from `predictions_frame`.

    Returns:
        The ids, and by target the labels and the outputs. Where `known_labels` says that there is none, a label is
        that of another row; a target of which no row has a label is left out.

    Raises:
        DataError: A column is missing, or a label is no class of the task.
    """
    known = known_labels(task, frame)
    measured = {name: t for name, t in task.predicted.items() if name not in known or known[name].any()}
    measured = measured or task.predicted
    needed = {name: [f"{_prefix(task, name)}{column}" for column in t.table_columns] for name, t in measured.items()}
    missing = [column for columns in (["id"], *needed.values()) for column in columns if column not in frame.columns]
    if missing:
        raise DataError(f"The predictions lack columns: {first_few(missing)}. Are they of another task, or unlabelled?")
    labels, outputs = {}, {}
    for name, target in measured.items():
        table: dict[str, Any] = {
            column.removeprefix(_prefix(task, name)): frame[column].to_numpy() for column in needed[name]
        }
        if name in known:
            stands_in = np.where(known[name], np.arange(len(frame)), np.argmax(known[name]))
            table = {column: cells[stands_in] if _holds_labels(column) else cells for column, cells in table.items()}
        labels[name], outputs[name] = target.read_table(table)
    return frame["id"].astype(str).tolist(), labels, outputs


def known_labels(task: Task, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Say which rows of a table of predictions have a label of a target, [N], for each that some row lacks.

    Args:
        task: What was predicted.
        frame: A labelled one from `predictions_frame`.

    Returns:
        By target.
    """
    found = {}
    for name, target in task.predicted.items():
        columns = [f"{_prefix(task, name)}{column}" for column in target.table_columns if _holds_labels(column)]
        there = frame.reindex(columns=columns)
        found[name] = there.notna().all(axis=1).to_numpy()
    return {name: known for name, known in found.items() if not known.all()}


def _prefix(task: Task, target: str) -> str:
    return f"{target}." if len(task.targets) > 1 else ""


def _cell(column: str, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return str(int(value)) if column == "support" else number_text(value)
