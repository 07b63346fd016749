"""Tables: .csv, .tsv, .jsonl, .json, .parquet or .txt, also packed as .csv.gz; one file, or a folder of train and test.

A .txt has a text a line, or cells between tabs with their names in the first line. Packed are .gz, .bz2, .xz and .zip.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.core.cells import number
from headstart.core.counting import agree, counted
from headstart.core.errors import DataError, UsageError, first_few
from headstart.core.interface import option
from headstart.data.formats import ending, is_table, may_be_table, opened, stem
from headstart.data.readers._box_folders import holds_boxes
from headstart.data.readers._chat_files import chat_files
from headstart.data.readers._conll_files import conll_files
from headstart.data.readers._csv import Sheet, decode, parse
from headstart.data.readers._masks import paired_folders
from headstart.data.readers._paths import resolve_files
from headstart.data.readers._plain_csv import read_plain
from headstart.data.readers._questions import question_files
from headstart.data.readers._records import read_json, read_jsonl, read_lines, read_parquet
from headstart.data.tables import SPLITS, Tables, join, make_frame, splits_of
from headstart.data.walk import files_in, folders_in
from headstart.inputs import of_file

if TYPE_CHECKING:
    import pandas as pd

LOOKED_AT, MOST_NAMED = 1000, 50  # cells; a name is one of them where more than one in so many is like it
DELIMITER = re.compile(rb'(?:\xef\xbb\xbf)?"?sep=([^\r\n"])"?\r?\n', re.IGNORECASE)
FEWEST_ROWS = 10  # for each line that repeats the names; where there are fewer, the names themselves may be a row
SUBMISSION = re.compile(r"(^|[-_ ])(sample|gender)?[-_ ]?submission$", re.IGNORECASE)  # how to hand in answers


@dataclass(frozen=True)
class Table:
    """Read tables; image paths in them are relative to the table's folder.

    encoding None is UTF-8. delimiter None is a comma, a tab in .tsv, or, in a header without comma, a tab, ";" or "|".
    With `domains` the top folders are domains: DOMAIN/train.csv; a single table needs a column `domain`.
    """

    encoding: str | None = None
    delimiter: str | None = None
    domains: bool = False

    def matches(self, data: Any) -> bool:
        """Return whether `data` is a table file, or a folder with table files for splits or with just one."""
        if not isinstance(data, str | Path):
            return False
        path = Path(data)
        if path.is_file():
            return bool(ending(path)) and not holds_boxes(path) and not _others(path)
        if not path.is_dir() or (path / "dataset_info.json").exists():
            return False
        if paired_folders(path) or holds_boxes(path) or _others(path):
            return False
        if self.domains and any(_split_files(sub)[0] for sub in folders_in(path)):
            return True
        files, folders = _files(path), folders_in(path)
        if not files and any(_split_files(sub)[0] for sub in folders):
            return True
        return bool(_split_files(path)[0]) or len(files) == 1 or (len(files) > 1 and not folders)

    def read(self, data: Any) -> Tables:
        """Read every cell of the tables; text stays text.

        Args:
            data: The file or folder.

        Returns:
            The tables.

        Raises:
            DataError: A file is empty or damaged, or rows are wrong; every one is named by file and line.
        """
        path = Path(data)
        if self.domains and path.is_dir() and not _split_files(path)[0]:
            return self._read_domains(path)
        return self._read_folder(path, "") if path.is_dir() else self._read_single(path)

    def _read_single(self, path: Path) -> Tables:
        read = self._read_file(path, path.name)
        return replace(read, splits={"all": read.splits["all"]}).by_split_column()

    def _read_folder(self, folder: Path, prefix: str) -> Tables:
        files, notes = _split_files(folder)
        if not files:
            return self._read_single(_only_file(folder))
        parts = [
            (split, self._read_file(path, prefix + path.relative_to(folder).as_posix()))
            for path, split in files.items()
        ]
        others = [path.name for path in _files(folder) if path not in files]
        if others:
            notes.append(f"ignored tables that name no split: {first_few(others)}")
        return _together([(split, tables.splits["all"], tables) for split, tables in parts], notes)

    def _read_domains(self, root: Path) -> Tables:
        parts = []
        for folder in folders_in(root):
            if _files(folder):
                tables = self._read_folder(folder, f"{folder.name}/")
                parts += [(split, frame.assign(domain=folder.name), tables) for split, frame in tables.splits.items()]
        return _together(parts, [])

    def _read_file(self, path: Path, name: str) -> Tables:
        """Read one file, to the split "all"."""
        notes = ()
        kind = ending(path)
        if path.stat().st_size == 0:
            raise DataError(f"{name} is empty (0 bytes).")
        if kind == ".parquet":
            columns = read_parquet(path, name)
            rows = range(1, len(next(iter(columns.values()))) + 1)
        elif kind in {".jsonl", ".ndjson"}:
            columns, rows = read_jsonl(self._text(path, name), name)
        elif kind == ".json":
            columns, rows = read_json(self._text(path, name), name)
        elif kind == ".txt" and (lines := read_lines(self._text(path, name), name)) is not None:
            columns, rows = lines
        else:
            sheet, again = _without_names(self._read_csv(path, name))
            columns, rows = sheet.columns, sheet.lines
            if sheet.blank_lines:
                lines = counted(sheet.blank_lines, "blank lines")
                notes = (f"{name}: {lines} {agree(sheet.blank_lines, 'are')} left out",)
            if again:
                lines = f"{counted(len(again), 'lines')} {agree(len(again), 'repeat')} the names of the columns"
                notes = (*notes, f"{name}: {lines} and {agree(len(again), 'are')} left out: {first_few(again)}")
            if row := _row_for_names(sheet):
                notes = (
                    *notes,
                    f"{name}: its first line names the columns, but may be a row ({row}): add a line of names",
                )
        ids = [f"{name}:{row}" for row in rows]
        files = resolve_files(columns, ids, path.parent, table=path)
        frame = make_frame(files.columns, ids)
        return Tables({"all": frame}, notes=(*notes, *files.notes), absent=files.absent, wrong=files.wrong)

    def _read_csv(self, path: Path, name: str) -> Sheet:
        if self.encoding is None:
            with opened(path, name) as file:
                said = DELIMITER.match(file.readline(20))  # as Excel writes and reads it
                if said is not None:
                    sheet = parse("\n" + decode(file.read(), name, None), name, said[1].decode())
                    return replace(sheet, blank_lines=sheet.blank_lines - 1)
                file.seek(0)
                sheet = read_plain(file, lambda header: self.delimiter or _guess_delimiter(header, path))
            if sheet is not None:
                return sheet
        text = self._text(path, name)
        return parse(text, name, self.delimiter or _guess_delimiter(text[: text.find("\n") + 1] or text, path))

    def _text(self, path: Path, name: str) -> str:
        with opened(path, name) as file:
            return decode(file.read(), name, self.encoding)


def _others(path: Path) -> bool:
    """Return whether files are of another reader, although they could be tables."""
    return bool(conll_files(path) or chat_files(path) or question_files(path))


def _without_names(sheet: Sheet) -> tuple[Sheet, list[int]]:
    """Leave out rows that hold the names of the columns again, as files have that were joined; and give their lines."""
    import pyarrow as pa
    import pyarrow.compute

    compute: Any = pyarrow.compute
    found = np.ones(len(sheet.lines), dtype=bool)
    for name, cells in sheet.columns.items():
        if not found.any() or len(sheet.columns) == 1:
            return sheet, []
        found &= compute.equal(cells, pa.scalar(name, pa.large_string())).to_numpy()
    if not found.any() or found.sum() * FEWEST_ROWS > len(found):
        return sheet, []
    kept = pa.array(~found)
    columns = {name: cells.filter(kept) for name, cells in sheet.columns.items()}
    lines = np.array(sheet.lines)
    return Sheet(columns, lines[~found].tolist(), sheet.blank_lines), lines[found].tolist()


def _row_for_names(sheet: Sheet) -> str:
    """Say which column seems to be named by a cell of the first row: by a fraction, or by what is also a cell of it."""
    for name, cells in sheet.columns.items():
        value = number(name)
        few = cells.slice(0, LOOKED_AT).to_pylist()
        if value is not None and (not value.is_integer() or "." in name):
            return f"'{name}' is a number"
        if value is None and few.count(name) * MOST_NAMED > len(few):
            return f"'{name}' is also a cell of that column"
    return ""


def _guess_delimiter(header: str, path: Path) -> str:
    if ending(path) in {".tsv", ".txt"}:
        return "\t"
    return next((sign for sign in (",", "\t", ";", "|") if sign in header), ",")


def _together(parts: Sequence[tuple[str, pd.DataFrame, Tables]], notes: Sequence[str]) -> Tables:
    """Put frames of splits together, with what the tables say from which they are."""
    frames: dict[str, list[pd.DataFrame]] = {}
    for split, frame, _ in parts:
        frames.setdefault(split, []).append(frame)
    said = [note for *_, tables in parts for note in tables.notes]
    absent = {column: error for *_, tables in parts for column, error in tables.absent.items()}
    return Tables(
        {split: join(found) for split, found in frames.items()},
        notes=tuple(dict.fromkeys([*notes, *said])),
        absent=absent,
        wrong=tuple(dict.fromkeys(error for *_, tables in parts for error in tables.wrong)),
    )


def _files(folder: Path) -> list[Path]:
    files = [file for file in files_in(folder) if file.is_file()]
    found = [file for file in files if is_table(file)]
    if not found and not folders_in(folder) and not any(of_file(file.name) for file in files):
        found = [file for file in files if may_be_table(file)]
    rows = [file for file in found if not SUBMISSION.search(stem(file))]
    return rows or found


def _split_files(folder: Path) -> tuple[dict[Path, str], list[str]]:
    """Return the tables that are splits, and notes on those whose names leave a doubt."""
    files = _files(folder)
    if not files:  # train/metadata.csv, test/metadata.csv, beside the pictures that they name
        inner = {sub: _files(sub) for sub in folders_in(folder) if sub.name.lower() in SPLITS}
        return {found[0]: SPLITS[sub.name.lower()] for sub, found in inner.items() if len(found) == 1}, []
    splits, doubtful = splits_of([stem(file) for file in files])
    notes = [
        f"{file.name} is read as the split '{splits[stem(file)]}' by its name; rename it if it is none"
        for file in files
        if stem(file) in doubtful
    ]
    return {file: splits[stem(file)] for file in files if stem(file) in splits}, notes


def _only_file(folder: Path) -> Path:
    files = _files(folder)
    if not files:
        inner = first_few(f"{sub.name}/" for sub in folders_in(folder) if _split_files(sub)[0])
        domains = f"{option('source-domain')} and {option('target-domain')}"
        raise UsageError(f"{folder} holds tables in {inner}. Name one of these folders, or domains with {domains}.")
    if len(files) != 1:
        raise UsageError(f"{folder} has {len(files)} tables; name one of them, or call them train, dev and test.")
    return files[0]
