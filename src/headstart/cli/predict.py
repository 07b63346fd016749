"""headstart predict: use a saved model on new examples."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

import typer

from headstart.core.counting import counted
from headstart.core.errors import UsageError, first_few, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import numpy as np
    import pandas as pd

    from headstart.artifact.predictor import Asked, Predictor
    from headstart.core.types import Task
    from headstart.data.rows import Rows

    Part = tuple[Rows, Mapping[str, np.ndarray]]

SHOWN = 20


class Files(NamedTuple):
    """What is written: a table, and the folder of pictures with what was found in them."""

    out: Path | None
    draw: Path | None


PIECE = 2**16  # signs


def predict(
    folder: Annotated[str, typer.Argument(help="Folder of a run or of a saved model.")],
    data: Annotated[list[str], typer.Argument(help="Folder, table, pictures, sounds or texts.")],
    out: Annotated[Path | None, typer.Option(help="Write the predictions here: .csv, .jsonl or .parquet.")] = None,
    draw: Annotated[Path | None, typer.Option(help="Draw boxes or masks into copies, in this folder.")] = None,
    task: Annotated[str | None, typer.Option(help="Answer for this one of several tasks alone.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:NUMBER.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Processes that load data.")] = 0,
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="No answer for what cannot be read; left_out says why."),
    ] = False,
    adapt: Annotated[str | None, typer.Option(help="tent: norm layers adapt to these rows.")] = None,
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
    if adapt not in (None, "tent"):
        raise unknown("way to adapt", str(adapt), ["tent"])
    from headstart.artifact.find import find

    find(folder)  # before the slow imports
    with ExitStack() as opened:
        records = opened.enter_context(Records()) if as_json else None
        with show.work():
            from headstart.artifact.load import load
            from headstart.core.types import Event
            from headstart.engine.feed import Workers

            predictor = load(folder, device=device)
            predictor = predictor if task is None else predictor.alone(task)
            if draw is not None and not any(target.dense for target in predictor.task.predicted.values()):
                raise UsageError(f"--draw {draw}: this model finds nothing in a picture that could be drawn.")
            asked = predictor.ask(examples(data, predictor.task), skip_bad=skip_bad)
            if told := predictor.cut(asked.rows):
                show.note(told)
            if adapt is not None:
                if told := predictor.unlike(asked.rows):  # once it has adapted, its features are others
                    show.listen(Event("warning", told))
                predictor = predictor.adapted(asked.rows)
                show.note(f"{counted(len(asked.rows), 'examples')} adapted the norm layers (tent)")
            compared = predictor.compared(len(asked.rows))
            parts = predictor.outputs_in_parts(asked.rows, Workers(workers, show.note), compared=compared)
            first = _write(predictor, asked, parts, Files(out, draw), records, skip_bad=skip_bad)
            if compared is not None and (told := compared.told()):
                show.listen(Event("warning", told))
        count = len(asked.names)
        if asked.left_out:
            few = first_few((f"{row} ({problem.what})" for row, problem in asked.left_out.items()), "; ", 2)
            show.note(f"left out: {counted(len(asked.left_out), 'examples', count)} that cannot be read: {few}")
        if draw is not None:
            show.note(f"{counted(len(asked.rows), 'pictures')} with what was found in them are in {draw}")
        if out is not None:
            show.note(f"{counted(count, 'predictions')} written to {out}")
        else:
            from headstart.evaluation.answers import readable

            show.table(counted(count, "predictions"), *readable(predictor.task, first), words="input")
            if count > SHOWN:
                show.note(f"The first {SHOWN}; all of them with --out FILE.csv")
        if records is not None:
            show.finish({"run": folder}, predictions=records)


def _write(
    predictor: Predictor,
    asked: Asked,
    parts: Iterable[Part],
    files: Files,
    records: Records | None,
    *,
    skip_bad: bool,
) -> pd.DataFrame:
    """Predict for a part of the rows at a time, and write its table before the next part is computed.

    Args:
        predictor: The model.
        asked: The examples.
        parts: The rows with outputs.
        files: Where the table and drawings go.
        records: Takes the rows of the table.
        skip_bad: Whether examples that were left out have rows too.

    Returns:
        The first rows, which are shown.
    """
    import pandas as pd

    from headstart.evaluation.table_files import table_file
    from headstart.runs.pictures import draw_pictures, write_pictures

    first: list[pd.DataFrame] = []
    out, draw = files
    with nullcontext() if out is None else table_file(out, predictor.task) as write:
        for names, (rows, outputs) in _with_names(asked, parts):
            frame = _table(predictor, asked, names if skip_bad else None, out, rows, outputs)
            if out is not None:
                write_pictures(out, predictor, asked.names, rows, outputs)
            if draw is not None:
                draw_pictures(draw, predictor, asked.names, rows, outputs)
            if write is not None:
                write(frame, partial(_example, predictor, asked, rows, outputs, out, skip_bad=skip_bad))
            if records is not None:
                records.add(frame)
            if (room := SHOWN - sum(map(len, first))) > 0:
                first.append(frame.head(room).copy())  # a view would keep the whole table
    return pd.concat(first, ignore_index=True)


def _with_names(asked: Asked, parts: Iterable[Part]) -> Iterator[tuple[list[str], Part]]:
    """Give with each part the names of its rows, and of those between them and after the last that were left out."""
    names, done = iter(asked.names), 0
    for part in parts:
        rows, _ = part
        done += len(rows)
        own = []
        for name in names:
            own.append(name)
            if name == rows.ids[-1] and done < len(asked.rows):
                break
        yield own, part


def _table(
    predictor: Predictor,
    asked: Asked,
    names: list[str] | None,
    out: Path | None,
    rows: Rows,
    outputs: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """Make the table of predictions: name, piece of the example, answer, probability, and why a row was left out.

    Args:
        predictor: The model.
        asked: All examples.
        names: Those that get a row, in this order; None is those of `rows`.
        out: The file that the table is for; pictures lie beside it, and the table names them. None leaves them out.
        rows: The examples with outputs.
        outputs: By target, for each of them.

    Returns:
        The table; it has a column for the reason where names are given.
    """
    import pandas as pd

    from headstart.evaluation.answers import certainties, pieces
    from headstart.evaluation.tables import predictions_frame
    from headstart.runs.pictures import in_examples, named_pictures

    task = predictor.task
    frame = predictions_frame(task, list(rows.ids), {}, outputs, calibrations=predictor.calibrations)
    frame = named_pictures(in_examples(frame, predictor, rows, outputs), out, task, asked.names)
    for name, cells in certainties(task, frame).items():
        place: Any = frame.columns.get_loc(f"{name.removesuffix('probability')}prediction")
        frame.insert(place + 1, name, cells)
    if (shown := pieces(task, rows.inputs)) is not None:
        frame.insert(1, "input", shown)
    if names is not None:  # every example keeps its place
        frame = frame.set_index("id").reindex(names).rename_axis("id").reset_index()
        why = [problem.what if (problem := asked.left_out.get(name)) else None for name in names]
        frame["left_out"] = pd.Series(why, dtype=object)
    return frame


def _example(
    predictor: Predictor,
    asked: Asked,
    rows: Rows,
    outputs: Mapping[str, np.ndarray],
    out: Path | None,
    *,
    skip_bad: bool,
) -> pd.DataFrame:
    """Make a row with all that a table can hold: all labels, and a reason if any example was left out."""
    import numpy as np
    import pandas as pd

    first = rows.take([0])
    targets = predictor.task.targets
    every = {n: found[:1] if targets[n].dense else np.ones_like(found[:1]) for n, found in outputs.items()}
    row = _table(predictor, asked, list(first.ids) if skip_bad else None, out, first, every)
    reasons = [problem.what for problem in asked.left_out.values()]
    return row.assign(left_out=pd.Series(reasons[:1], dtype=object)) if reasons else row


class Records:
    """The rows of tables as they stand in a JSON list; they wait on the disk, as nothing is printed before the end."""

    def __enter__(self) -> Self:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass", newline="")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, table: pd.DataFrame) -> None:
        """Add the rows of a table; NaN is null."""
        rows = table.astype(object).where(table.notna(), None).to_dict(orient="records")
        between = ", " if self._file.tell() else ""
        self._file.write(between + json.dumps(rows, ensure_ascii=False, allow_nan=False)[1:-1])

    def __iter__(self) -> Iterator[str]:
        """Give what stands between the brackets, in pieces."""
        self._file.seek(0)
        while piece := self._file.read(PIECE):
            yield piece


def examples(data: list[str], task: Task) -> str | list[str]:
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
