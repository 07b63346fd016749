"""Turn the cells of a table that name files into paths: names, paths, and ids that are names without an ending."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from unicodedata import normalize

import numpy as np

from headstart.core.cells import blank, number
from headstart.core.columns import as_text, blank_cells, cells_of, contents_of, matching_cells
from headstart.core.counting import agree, counted
from headstart.core.errors import BadRows, DataError, Problem, first_few
from headstart.data.tables import UNNAMED, split_words
from headstart.data.walk import files_in, folders_in
from headstart.inputs import modalities, of_file

LONGEST_ID = 200  # characters of a cell that may be a file's name without its ending
OF_FILES = re.compile(r"image|img|photo|pic|file|scan|frame|sample|(^|[^a-z])id$|(?-i:[a-z]I[dD]$)", re.IGNORECASE)
MOST_FOLDERS = 300  # in which files are looked for by name
FIRST = 10  # cells of a column in which one is looked for that may be


@dataclass(frozen=True)
class Resolved:
    """Columns in which names of files have become paths.

    absent: why a column cannot be used whose cells end like files but name none that is there; its cells stay text.
    wrong: the rows whose cells name no file, in columns of which some do.
    notes: where files were found otherwise than under the very path.
    """

    columns: dict[str, Sequence[Any]]
    absent: dict[str, DataError] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    wrong: tuple[BadRows, ...] = ()


def resolve_files(
    columns: Mapping[str, Sequence[Any]], ids: Sequence[str], folder: Path, *, table: Path | None = None
) -> Resolved:
    """Turn the columns that name files of a modality into columns of paths.

    A cell is a path, absolute or from the folder, with slashes of any kind, or the name of a file in the folder or at
    most two folders below, with its ending or, where all cells differ, without.

    Args:
        columns: Cells by column, lists or Arrow text.
        ids: The name of each row.
        folder: What the paths are relative to.
        table: The file that the rows are from; None for rows in memory. Of files of one name, the one in the folder
            of the same split is taken.

    Returns:
        The columns, others as they were; a column counts as files if most of its texts end as one modality's files do.

    """
    problems: list[Problem] = []
    found: set[str] = set()
    modality_of = {column: kind for column, cells in columns.items() if (kind := _of_files(cells))}
    near = _Near(folder, table)
    resolved, absent, notes = dict(columns), {}, []
    for column, cells in columns.items():
        modality = modality_of.get(column) or ("" if modality_of else near.modality_of_ids(column, cells))
        if not modality:
            continue
        look = _Look(near, modality, bare=column not in modality_of)
        paths = [
            None if blank(cell) else look.find(str(cell).strip(), f"{row}, column '{column}'")
            for cell, row in zip(cells_of(cells), ids, strict=True)
        ]
        if not look.bare and not any(paths):
            absent[column] = _refused(look.problems, {modality})
            continue
        problems += look.problems
        found.add(modality)
        resolved[column] = paths
        notes += look.notes(column)
    wrong = (_refused(problems, found),) if problems else ()
    return Resolved(resolved, absent, tuple(notes), wrong)


def _refused(problems: list[Problem], found: set[str]) -> BadRows:
    return BadRows(f"{' and '.join(sorted(found)).capitalize()} paths cannot be used:", problems)


def _of_files(cells: Sequence[Any]) -> str | None:
    """Name the modality whose files most of the texts in a column name; None where there is none."""
    text = as_text(cells)
    if text is None:
        texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()]
        near, count = texts, len(texts)
    else:
        near, count = _near_files(text), len(text) - int(blank_cells(text).sum())
    found = Counter(modality for modality in (of_file(cell.strip()) for cell in near) if modality)
    return next((modality for modality, own in found.items() if own * 2 > count), None)


def _near_files(text: Any) -> list[str]:
    """Return the cells of an Arrow array of text that may end as files of a modality do, and few others.

    Where each ending has a letter after f, as those of images have, a column of numbers is passed over at a glance.
    """
    import pyarrow as pa

    suffixes = sorted({suffix for kind in modalities().values() for suffix in kind.suffixes})
    lettered = all((_upper(np.frombuffer(suffix.encode(), dtype=np.uint8)) > ord("F")).any() for suffix in suffixes)
    if not suffixes or (lettered and not any((_upper(signs) > ord("F")).any() for signs in contents_of(text))):
        return []
    endings = f"({'|'.join(map(re.escape, suffixes))})\\s*$"
    return text.filter(pa.array(matching_cells(text, endings, ignore_case=True))).to_pylist()


def _upper(signs: np.ndarray) -> np.ndarray:
    """Turn small letters to capitals; digits, points and signs of numbers stay below the letter G."""
    return signs & 0xDF


@dataclass
class _Near:
    """The files of modalities in a folder, in those in it and in those in them, for a table there; None: in memory."""

    folder: Path
    table: Path | None

    @cached_property
    def bases(self) -> list[Path]:
        """The folders that a path may start from: that of the table, the one above it, the working folder."""
        return [self.folder, self.folder.absolute().parent, Path()] if self.table else [self.folder]

    @cached_property
    def by_name(self) -> dict[str, list[Path]]:
        """The files by name, in Unicode's composed form."""
        found: dict[str, list[Path]] = defaultdict(list)
        for folder in (self.folder, *self._inner):
            for path in files_in(folder):
                if of_file(path.name):
                    found[normalize("NFC", path.name)].append(path)
        return dict(found)

    @cached_property
    def by_stem(self) -> dict[str, list[Path]]:
        """The files by name without its ending, likewise."""
        found: dict[str, list[Path]] = defaultdict(list)
        for paths in self.by_name.values():
            for path in paths:
                found[normalize("NFC", path.stem)].append(path)
        return dict(found)

    def modality_of_ids(self, column: str, cells: Sequence[Any]) -> str:
        """Name the modality of which most cells name a file without its ending, and all differ; "" where none is.

        Numbers that count the rows may be names of files by chance: such a column is called like one of files or ids.
        """
        text = as_text(cells)
        few = cells[:FIRST] if text is None else text.slice(0, FIRST).to_pylist()
        first = next((str(cell).strip() for cell in few if isinstance(cell, str | int) and not blank(cell)), "")
        by_chance = UNNAMED.fullmatch(column) or (number(first) is not None and not OF_FILES.search(column))
        if by_chance or not self._has(first):
            return ""
        known = [normalize("NFC", str(cell).strip()) for cell in cells_of(cells) if not blank(cell)]
        found = Counter(of_file(self.by_stem[cell][0].name) for cell in known if cell in self.by_stem)
        most = found.most_common(1)
        if not most or most[0][1] * 2 <= len(known) or len(set(known)) < len(known):
            return ""
        return most[0][0] or ""

    def choose(self, paths: Sequence[Path]) -> list[Path]:
        """Choose among files of one name those in a folder of the table's split, if there are any."""
        words = set(split_words(self.table.stem)) if self.table else set()
        own = [path for path in paths if words & set(split_words(path.parent.name))]
        return list({path.resolve(): path for path in own or paths}.values())

    @cached_property
    def _inner(self) -> list[Path]:
        first = folders_in(self.folder) if self.folder.is_dir() else []
        return [*first, *(inner for folder in first for inner in folders_in(folder))][:MOST_FOLDERS]

    def _has(self, stem: str) -> bool:
        """Look for one file, without reading the folders."""
        value = number(stem)
        if (
            not stem
            or len(stem) > LONGEST_ID
            or set(stem) & set("/\\\0\n")
            or (value is not None and not value.is_integer())
        ):
            return False
        suffixes = {suffix for kind in modalities().values() for suffix in kind.suffixes}
        every = [*suffixes, *map(str.upper, suffixes)]
        stems = {normalize(form, stem) for form in ("NFC", "NFD")}
        names = [f"{each}{end}" for each in stems for end in every]
        return any(os.path.exists(f"{place}/{name}") for place in (self.folder, *self._inner) for name in names)  # noqa: PTH110


@dataclass
class _Look:
    """Looks for the files of one column. bare: the cells are names without an ending."""

    near: _Near
    modality: str
    bare: bool
    problems: list[Problem] = field(default_factory=list)
    outside: list[Path] = field(default_factory=list)
    inside: Counter[str] = field(default_factory=Counter)  # by folder, of files that were found by name

    def find(self, text: str, where: str) -> Path | None:
        """Find the file that a cell names, or say why there is none."""
        path = Path(text.replace("\\", "/").replace("\0", ""))
        if "\0" in text:
            return self._wrong(where, f"{text!r} holds a NUL")
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", text):  # file://, https://
            return self._wrong(where, f"'{text}' is a URL", "copy the file here and name its path")
        if PureWindowsPath(text).drive and not PurePosixPath(text).is_absolute():
            return self._wrong(where, f"'{text}' names a drive or another computer", "write it from the table's folder")
        if self.bare:
            return self._named(text, self.near.by_stem.get(normalize("NFC", text), ()), where)
        if of_file(text) != self.modality:
            an = "an" if self.modality[0] in "aeiou" else "a"
            return self._wrong(where, f"'{text}' is not the name of {an} {self.modality} file")
        forms = (Path(text), path, *(Path(normalize(form, str(path))) for form in ("NFC", "NFD")))
        for form in dict.fromkeys(forms):  # a name may hold a backslash; an accent may be a sign of its own
            for base in self.near.bases:
                if (base / form).is_file():
                    if form.is_absolute() or ".." in form.parts or base != self.near.folder:
                        self._note_outside(base / form)
                    return base / form
        known = self.near.by_name.get(normalize("NFC", path.name), ()) if len(path.parts) == 1 else ()
        return self._named(text, known, where)

    def notes(self, column: str) -> list[str]:
        """Say which files were found elsewhere than a reader of the table would look."""
        plural = modalities()[self.modality].plural
        found = []
        if self.outside and self.near.table:
            where = f"{self.near.table.name}, column '{column}'"
            lie = f"{counted(len(self.outside), plural)} {agree(len(self.outside), 'lie')}"
            found.append(f"{where}: {lie} elsewhere, as in {self.outside[0].parent}")
        if self.inside:
            how = "names without an ending" if self.bare else "names"
            places = first_few(f"{name}/ ({count:,})" for name, count in sorted(self.inside.items()))
            found.append(f"column '{column}': {how} of {plural} that lie in {places}")
        return found

    def _named(self, text: str, paths: Sequence[Path], where: str) -> Path | None:
        paths = self.near.choose([path for path in paths if of_file(path.name) == self.modality])
        if len(paths) == 1:
            self.inside[os.path.relpath(paths[0].parent, self.near.folder)] += 1
            return paths[0]
        if paths:
            places = first_few((path.relative_to(self.near.folder).as_posix() for path in paths), " and ")
            return self._wrong(where, f"'{text}' may be {places}", "write the path")
        what = (
            f"there is no {self.modality} file '{text}' with any ending" if self.bare else f"there is no file '{text}'"
        )
        return self._wrong(where, what, self._spelling(text))

    def _spelling(self, text: str) -> str:
        """Say where a file is there that differs in capitals or in the ending alone."""
        name = PureWindowsPath(text).name.casefold()
        same = (path for known, paths in self.near.by_name.items() if known.casefold() == name for path in paths)
        near = next(chain(same, self.near.by_stem.get(PureWindowsPath(text).stem, ())), None)
        return f"'{near.relative_to(self.near.folder).as_posix()}' is there" if near else ""

    def _note_outside(self, path: Path) -> None:
        place = Path(os.path.abspath(path))  # noqa: PTH100 - links stay
        if not place.is_relative_to(os.path.abspath(self.near.folder)):  # noqa: PTH100
            self.outside.append(place)

    def _wrong(self, where: str, what: str, mend: str = "") -> None:
        self.problems.append(Problem(where, what, mend))
