"""Pictures that a model predicts, such as masks, as files beside the table of predictions."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from headstart.artifact.predictor import Predictor
from headstart.core import storage
from headstart.core.outcome import Calibration
from headstart.core.types import Task
from headstart.data.rows import Rows

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def named_pictures(frame: pd.DataFrame, out: Path | None, task: Task, every: Sequence[str]) -> pd.DataFrame:
    """Put the paths of pictures in the place of their bytes in a table of predictions.

    Args:
        frame: The table.
        out: Its file; None leaves the pictures out.
        task: What was predicted.
        every: The names of all examples.

    Returns:
        The table; the paths start from the folder of its file.
    """
    for name, column in _columns(task).items():
        if out is None:
            frame = frame.drop(columns=column)
        else:
            paths = _paths(out, name, task, every)
            frame = frame.assign(**{column: [paths[row].relative_to(out.parent).as_posix() for row in frame["id"]]})
    return frame


def write_pictures(
    out: Path, predictor: Predictor, every: Sequence[str], rows: Rows, outputs: Mapping[str, Any]
) -> None:
    """Write the pictures of some rows, each of the size of its example.

    Args:
        out: The file of the table.
        predictor: Whose predictions.
        every: The names of all examples.
        rows: The examples.
        outputs: Of these, by target.

    Raises:
        DiskError: The disk refuses.
    """
    names = _columns(predictor.task)
    laid = predictor.laid(rows, {name: outputs[name] for name in names})
    for name in names:
        paths, target = _paths(out, name, predictor.task, every), predictor.task.targets[name]
        for row, found in zip(rows.ids, laid[name], strict=True):
            paths[row].parent.mkdir(parents=True, exist_ok=True)
            with storage.new_file(paths[row]) as file:
                file.write_bytes(target.picture(found))


def in_examples(
    frame: pd.DataFrame, predictor: Predictor, rows: Rows, outputs: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Write what was found in pixels or words of each example in a table of predictions; pictures are files.

    Args:
        frame: The table.
        predictor: Whose predictions.
        rows: The examples.
        outputs: Of these, by target.

    Returns:
        The table.
    """
    task, columns = predictor.task, {}
    own = {name: target for name, target in task.predicted.items() if target.dense and not target.pictured}
    laid = predictor.laid(rows, {name: outputs[name] for name in own})
    for name, target in own.items():
        cells = target.cells(laid[name], _thresholds(predictor, name), rows.inputs)
        columns |= {f"{name}.{column}" if len(task.targets) > 1 else column: cell for column, cell in cells.items()}
    return frame.assign(**columns)


def draw_pictures(
    folder: Path, predictor: Predictor, every: Sequence[str], rows: Rows, outputs: Mapping[str, np.ndarray]
) -> None:
    """Draw what was found into copies of the pictures.

    Args:
        folder: Where these go.
        predictor: Whose predictions.
        every: The names of all examples.
        rows: The examples.
        outputs: Of these, by target.

    Raises:
        DiskError: The disk refuses.
    """
    from headstart.inputs._open import open_image

    paths = _named(folder, every)
    for place, (row, item) in enumerate(zip(rows.ids, rows.inputs, strict=True)):
        picture = open_image(item)
        for name, target in predictor.task.predicted.items():
            picture = target.drawn(picture, outputs[name][place], _thresholds(predictor, name))
        paths[row].parent.mkdir(parents=True, exist_ok=True)
        with storage.new_file(paths[row]) as file:
            picture.save(file, "PNG", compress_level=1)


def _thresholds(predictor: Predictor, name: str) -> Mapping[str, float]:
    """Return from which score on something of a class counts as found."""
    return predictor.calibrations.get(name, Calibration()).thresholds


def _columns(task: Task) -> dict[str, str]:
    """Return the column of each target that is a picture."""
    found = {name: target.pictured for name, target in task.predicted.items() if target.pictured}
    return {name: f"{name}.{column}" if len(task.targets) > 1 else column for name, column in found.items()}


def _paths(out: Path, name: str, task: Task, every: Sequence[str]) -> dict[str, Path]:
    """Name a file for each example, in a folder beside the table."""
    folder = out.with_name(
        f"{out.stem}_{task.targets[name].pictured}s" if len(task.targets) == 1 else f"{out.stem}_{name}"
    )
    return _named(folder, every)


def _named(folder: Path, every: Sequence[str]) -> dict[str, Path]:
    """Name a PNG for each example in a folder: as the example is called below what all share."""
    parents = [str(PurePath(row).parent) for row in every]
    common = os.path.commonpath(parents) if len({os.path.isabs(each) for each in parents}) == 1 else ""  # noqa: PTH117
    own = {row: PurePath(os.path.relpath(row, common or ".")) for row in every}
    stems = Counter(path.with_suffix("") for path in own.values())
    return {
        row: folder
        / (path.with_suffix(".png") if stems[path.with_suffix("")] == 1 else path.with_name(f"{path.name}.png"))
        for row, path in own.items()
    }
