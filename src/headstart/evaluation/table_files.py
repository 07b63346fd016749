"""A table of predictions on its way into one file, a part at a time; the file's ending says the format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.core.disk import told
from headstart.core.storage import new_file, sweep
from headstart.core.types import Task
from headstart.evaluation.tables import flat_frame

if TYPE_CHECKING:
    import pandas as pd

Write = Callable[["pd.DataFrame"], None]
Example = Callable[[], "pd.DataFrame"]


@contextmanager
def table_file(out: Path, task: Task) -> Iterator[Callable[[pd.DataFrame, Example], None]]:
    """Write a table whose parts come one after another; it gets its name when the block ends without an error.

    Args:
        out: The file, with an ending of `FORMATS`.
        task: What was predicted.

    Yields:
        A function that writes the next part to the disk. Beside it, it takes what makes a row like those of the table
        in which no list is empty: this settles the types of the columns.

    Raises:
        DiskError: The disk refuses; what was there before is untouched.
    """
    sweep(out.parent)
    with new_file(out, every=False) as path, ExitStack() as opened:
        write: Write | None = None

        def written(part: pd.DataFrame, example: Example) -> None:
            nonlocal write
            with told(out):
                if write is None:
                    write = opened.enter_context(FORMATS[out.suffix](path, task, example))
                write(part)

        yield written


@contextmanager
def _csv(path: Path, task: Task, example: Example) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:

        def write(part: pd.DataFrame) -> None:
            flat_frame(task, part).to_csv(file, index=False, header=not file.tell())
            file.flush()

        yield write


@contextmanager
def _json_lines(path: Path, task: Task, example: Example) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:

        def write(part: pd.DataFrame) -> None:
            part.to_json(file, orient="records", lines=True, force_ascii=False)
            file.flush()

        yield write


@contextmanager
def _parquet(path: Path, task: Task, example: Example) -> Iterator[Write]:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.Schema.from_pandas(example(), preserve_index=False)
    with parquet.ParquetWriter(path, schema) as file:
        yield lambda part: file.write_table(pa.Table.from_pandas(part, schema, preserve_index=False))


FORMATS: dict[str, Callable[[Path, Task, Example], AbstractContextManager[Write]]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}
