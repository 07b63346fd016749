"""Set splits aside that have no labels, such as the test of a competition: nothing can be measured on them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.core.cells import class_name
from headstart.core.columns import cells_of
from headstart.core.counting import agree, counted
from headstart.core.errors import DataError, first_few
from headstart.core.interface import on_command_line, option
from headstart.core.types import Target, Task
from headstart.data.inference import LABEL_NAMES
from headstart.data.wrapped import inner_folder

if TYPE_CHECKING:
    import pandas as pd

NO_CLASS = {"-1", "?"}  # in place of a label, where no class is called so


def leave_out(frames: dict[str, pd.DataFrame], given: str, task: Task, data: Any, *, partly: bool = False) -> list[str]:
    """Take out the splits beside the training rows in which no row has a label.

    Args:
        frames: By split; those without labels are taken out.
        given: The training rows' split.
        task: Its targets say which columns hold labels.
        data: What was read, to name the place.
        partly: Whether rows with the labels of some targets are labelled.

    Returns:
        A note for each of them, with how to predict on it.

    Raises:
        DataError: The task is known, and no row at all has a label.
    """
    notes, lacking = [], all if partly else any
    for name in [name for name in frames if name not in {given, "target", "target_labelled", "source"}]:
        frame = frames[name]
        if task.predicted and lacking(_lacks(frame, t, frames.get(given)) for t in task.predicted.values()):
            rows = f"{counted(len(frame), 'rows')} without labels {agree(len(frame), 'are')}"
            notes.append(f"{name}: {rows} set aside ({_how(frame, data)} answers {agree(len(frame), 'them')})")
            del frames[name]
    if not frames and notes:
        columns = first_few(c for target in task.predicted.values() for c in target.columns)
        raise DataError(f"No row has a label (column {columns}), so that nothing can be measured. {notes[0]}")
    return notes


def with_labels(frames: Mapping[str, pd.DataFrame], given: str, task: Task) -> dict[str, pd.DataFrame]:
    """Return the frames whose labels are read: with domains not those of the target, but to make its test of them.

    Args:
        frames: By split.
        given: The training rows' split.
        task: Its targets say which columns hold labels.

    Returns:
        Those of them, by split.
    """

    def has(name: str, frame: pd.DataFrame) -> bool:
        if name != "target":
            return True
        lacks = any(_lacks(frame, target, frames.get(given)) for target in task.predicted.values())
        return "test" not in frames and not lacks

    return {name: frame for name, frame in frames.items() if has(name, frame)}


def no_training_rows(frames: Mapping[str, pd.DataFrame], bare: pd.DataFrame | None) -> str:
    """Write why there is nothing to train on: other splits alone, or rows without labels alone."""
    found = [f"{len(frame):,} rows in '{name}'" for name, frame in frames.items()]
    found += [f"{len(bare):,} rows without labels"] if bare is not None else []
    mend = (
        f"Label some (images: in a folder named after their class), or ask for {option('task', 'none')}, which "
        "learns from inputs alone."
        if bare is not None
        else "Name the training rows' split 'train'."
    )
    return f"There are no labelled training rows; the data has {first_few(found) or 'no rows'}. {mend}"


def _lacks(frame: pd.DataFrame, target: Target, train: pd.DataFrame | None) -> bool:
    """Return whether no row has a label: the columns are not there, nor one that may be meant, or all cells say so."""
    there = [name for name in target.columns if name in frame.columns]
    if not there:
        known = set() if train is None else set(map(str, train.columns))
        others = [name for name in map(str, frame.columns) if name not in known]
        meant = [name for name in others if name.lower() in LABEL_NAMES]
        return not meant and not any(difflib.get_close_matches(name, others) for name in target.columns)
    return len(there) == len(target.columns) and all(_holds_none(frame[name], target, train) for name in there)


def _holds_none(column: Any, target: Target, train: pd.DataFrame | None) -> bool:
    if target.unlabelled(column).all():
        return True
    cells = cells_of(column)
    written = {class_name(cell).strip() for cell in cells} if class_name(cells[0]).strip() in NO_CLASS else set()
    if not written or not written <= NO_CLASS:
        return False
    known = set(target.classes) or {
        class_name(cell).strip() for cell in cells_of(train[column.name] if train is not None else column)
    }
    return not written & known


def _how(frame: pd.DataFrame, data: Any) -> str:
    """Write how to predict on a split, with the path of its folder or file where it has one."""
    place = ""
    if isinstance(data, str | Path) and len(frame):
        first = str(frame.index[0])
        root = inner_folder(Path(data)) if Path(data).is_dir() else Path(data).parent
        place = next((str(p) for part in ("/", ":") if (p := root / first.partition(part)[0]).exists()), "")
    if on_command_line():
        return f"headstart predict RUN {place or 'DATA'}"
    return f"hs.load(RUN).predict({repr(place) if place else 'DATA'})"
