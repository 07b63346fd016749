"""headstart predict: use a saved model on new examples."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.core.counting import counted
from headstart.core.errors import UsageError, first_few

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd

    from headstart.artifact.predictor import Asked, Predictor
    from headstart.core.types import Task

SHOWN = 20


def predict(
    folder: Annotated[str, typer.Argument(help="Folder of a run or of a saved model.")],
    data: Annotated[list[str], typer.Argument(help="A folder, a table, image files, or texts.")],
    out: Annotated[Path | None, typer.Option(help="Write the predictions here: .csv, .jsonl or .parquet.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:NUMBER.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Processes that load data.")] = 0,
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="No answer for what cannot be read; left_out says why."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Predict for new examples.

    Example: headstart predict runs/photos-full-1 new.jpg other.jpg
    """
    from headstart.cli.show import Show

    show = Show(as_json)
    if out is not None and out.suffix not in (".csv", ".jsonl", ".parquet"):
        raise UsageError(f"--out {out}: the ending says the format, one of .csv, .jsonl, .parquet.")
    if out is not None and not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}.")
    from headstart.artifact.find import find

    find(folder)  # before the slow imports
    with show.work():
        from headstart.artifact.load import load
        from headstart.engine.feed import Workers

        predictor = load(folder, device=device)
        asked = predictor.ask(_examples(data, predictor.task), skip_bad=skip_bad)
        if told := predictor.cut(asked.rows):
            show.note(told)
        outputs = Workers(workers, show.note).run(lambda count: predictor.outputs(asked.rows, workers=count))
        frame = _table(predictor, asked, outputs, skip_bad)
    if asked.left_out:
        few = first_few((f"{row} ({problem.what})" for row, problem in asked.left_out.items()), "; ", 2)
        show.note(f"left out: {counted(len(asked.left_out), 'examples', len(frame))} that cannot be read: {few}")
    if out is not None:
        from headstart.core.storage import new_file
        from headstart.evaluation.tables import flat_frame

        with new_file(out) as path:
            if out.suffix == ".csv":
                flat_frame(predictor.task, frame).to_csv(path, index=False)
            elif out.suffix == ".jsonl":
                frame.to_json(path, orient="records", lines=True, force_ascii=False)
            else:
                frame.to_parquet(path)
        show.note(f"{counted(len(frame), 'predictions')} written to {out}")
    else:
        from headstart.evaluation.answers import readable

        show.table(counted(len(frame), "predictions"), *readable(predictor.task, frame.head(SHOWN)), words="input")
        if len(frame) > SHOWN:
            show.note(f"The first {SHOWN}; all of them with --out FILE.csv")
    if as_json:
        plain = frame.astype(object).where(frame.notna(), None)
        show.finish({"run": folder, "predictions": plain.to_dict(orient="records")})


def _table(predictor: Predictor, asked: Asked, outputs: Mapping[str, np.ndarray], skip_bad: bool) -> pd.DataFrame:
    """Make the table of predictions: name, piece of the example, answer, probability, and why a row was left out."""
    import pandas as pd

    from headstart.evaluation.answers import certainties, pieces
    from headstart.evaluation.tables import predictions_frame

    task, rows = predictor.task, asked.rows
    frame = predictions_frame(task, list(rows.ids), {}, outputs, calibrations=predictor.calibrations)
    for name, cells in certainties(task, frame).items():
        place: Any = frame.columns.get_loc(f"{name.removesuffix('probability')}prediction")
        frame.insert(place + 1, name, cells)
    if (shown := pieces(task, rows.inputs)) is not None:
        frame.insert(1, "input", shown)
    if skip_bad:  # every example keeps its place
        frame = frame.set_index("id").reindex(asked.names).rename_axis("id").reset_index()
        why = [problem.what if (problem := asked.left_out.get(name)) else None for name in asked.names]
        frame["left_out"] = pd.Series(why, dtype=object)
    return frame


def _examples(data: list[str], task: Task) -> str | list[str]:
    """Take one path as it is, and several words as examples; what looks like a path has to be there.

    Args:
        data: What the user named.
        task: What the model predicts from.

    Returns:
        What the model reads.

    Raises:
        UsageError: A path leads nowhere, or a folder or a table stands beside others.
    """
    from headstart.data.find import check_path
    from headstart.inputs import by_name

    kind = by_name(task.modality)
    takes_words = kind.holds(["a few words"])
    for text in data:
        if not takes_words or _names_path(text):
            check_path(text)
    if len(data) == 1:
        return data[0] if not takes_words or _is_there(data[0]) else data
    for text in data:
        if _is_there(text) and (Path(text).is_dir() or Path(text).suffix.lower() not in kind.suffixes):
            raise UsageError(f"{text} stands beside others: predict for one folder or table at a time.")
    return data


def _names_path(text: str) -> bool:
    """Return whether a text can hardly be meant as words: it ends as a table does, or its folder is there."""
    from headstart.data.formats import ending

    if any(sign.isspace() for sign in text):
        return False
    path = Path(text)
    return bool(ending(path)) or (
        ("/" in text or os.sep in text) and (text.endswith(("/", os.sep)) or _is_there(str(path.parent)))
    )


def _is_there(text: str) -> bool:
    try:
        return bool(text) and Path(text).exists()  # an empty text would be this folder
    except OSError:  # a text that is too long for a name
        return False
