"""Predictions as a person reads them: the example, the answer, and how sure the model is of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headstart.core.errors import first_few
from headstart.core.types import Task
from headstart.drawing.text import number_text
from headstart.inputs import WORDS, by_name

if TYPE_CHECKING:
    import pandas as pd

PIECE = 60  # signs of a text that are shown
DIGITS = 6  # of a probability
NUMBERS = 4  # of an embedding that are shown
NONE = "none"  # the answer where no class is given


def pieces(task: Task, inputs: Any) -> list[str] | None:
    """Show a piece of each example; None where examples are files, which their names tell apart."""
    kind = by_name(task.modality)
    if kind.suffixes:
        return None
    return [_cut(str(kind.preview(item, task.inputs).get(WORDS, ""))) for item in inputs]


def certainties(task: Task, frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Find the probability of each answer: of several classes one for each.

    Args:
        task: What was predicted.
        frame: A table of predictions.

    Returns:
        By the name of the column, `probability` or `TARGET.probability`; nothing for targets without classes.
    """
    found = {}
    for name, target in task.predicted.items():
        prefix = _prefix(task, name)
        columns = [f"{prefix}p:{label}" for label in target.classes]
        if columns and {*columns, f"{prefix}prediction"} <= {*frame.columns}:
            place = {label: number for number, label in enumerate(target.classes)}
            shares = frame[columns].to_numpy()
            found[f"{prefix}probability"] = [
                _of(row[place[answer]]) if isinstance(answer, str) else [_of(row[place[one]]) for one in answer]
                for row, answer in zip(shares, frame[f"{prefix}prediction"], strict=True)
            ]
    return found


def readable(task: Task, frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Write predictions for the terminal.

    Args:
        task: What was predicted.
        frame: A table of predictions with the columns of `certainties`; it may have `input` and `left_out`.

    Returns:
        The headings and the rows: the name, the piece, and of each target the answer and its probability, or the
        number under the name of its column.
    """
    columns: dict[str, list[str]] = {"example": [str(row) for row in frame["id"]]}
    if "input" in frame and columns["example"] == [f"[{place}]" for place in range(len(frame))]:
        columns.clear()  # of texts in a list, which are shown themselves
    if "input" in frame:
        columns["input"] = [str(piece) for piece in frame["input"]]
    for name, target in task.predicted.items():
        prefix = _prefix(task, name)
        for column in [str(each) for each in frame if str(each).startswith(f"{prefix}prediction")]:
            named = column.removeprefix(f"{prefix}prediction").removeprefix(":")
            if not target.classes and (named or len(target.columns) == 1):  # a number has the name of its column
                label = named or target.columns[0]
                heading = label if not prefix or label == name else f"{prefix}{label}"
            else:
                heading = name if prefix and not named else column
            columns[heading] = [_written(cell) for cell in frame[column]]
        if f"{prefix}probability" in frame:
            columns[f"{prefix}probability"] = [_share(cell) for cell in frame[f"{prefix}probability"]]
    if "left_out" in frame:
        columns["left out"] = [_written(why) for why in frame["left_out"]]
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def _of(share: float) -> float:
    return round(float(share), DIGITS)


def _prefix(task: Task, target: str) -> str:
    return f"{target}." if len(task.targets) > 1 else ""


def _written(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, list | tuple) and cell and isinstance(cell[0], float):
        return first_few(map(_written, cell), most=NUMBERS)
    if isinstance(cell, list | tuple):
        return ", ".join(map(_written, cell)) or NONE
    if cell is None or cell != cell:  # of a row that was left out
        return ""
    return number_text(cell) if isinstance(cell, float) else str(cell)


def _share(cell: Any) -> str:
    if isinstance(cell, list):
        return ", ".join(map(_share, cell))
    return "" if cell is None or cell != cell else f"{cell:.3f}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= PIECE else f"{line[: PIECE - 1]}…"
