"""Tags of words in files like those of CoNLL-2003 (Tjong Kim Sang & De Meulder 2003, arXiv:cs/0306050).

A word a line, its columns between tabs or blanks, the tag last; a blank line between sentences. Lines that begin with
-DOCSTART- stand between documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.counting import agree, counted
from headstart.core.errors import BadRows, DataError, Problem, UsageError, first_few
from headstart.core.interface import option
from headstart.data.readers._conll_files import DOCUMENT, conll_files, split_of
from headstart.data.tables import Tables, make_frame
from headstart.inputs._words import joined

WORDS, TAGS = "words", "tags"


@dataclass(frozen=True)
class Conll:
    """Read tags of words: a word a line, its tag in the last column, a blank line between sentences.

    word, tag: the columns, counted from 1; 0 is the last one.
    """

    word: int = 1
    tag: int = 0

    def __post_init__(self) -> None:
        if self.word < 1 or self.tag < 0:
            raise ValueError("word counts columns from 1, and tag from 1, or 0 for the last one.")

    def matches(self, data: Any) -> bool:
        """Return whether `data` is such a file, or a folder with some."""
        return isinstance(data, str | Path) and bool(conll_files(Path(data)))

    def read(self, data: Any) -> Tables:
        """Read to the columns words (with blanks between) and tags (a list); rows are named by their first line.

        Args:
            data: The file or folder.

        Returns:
            The tables; lines without a tag are told in them.

        Raises:
            UsageError: A folder has several files that are called like no split.
            DataError: A file is no text in UTF-8, or holds no word.
        """
        root = Path(data)
        files = conll_files(root) or [root]
        splits = {file: "all" if len(files) == 1 else split_of(file) or "" for file in files}
        if "" in splits.values():
            others = first_few(file.name for file, split in splits.items() if not split)
            raise UsageError(f"{root} has {len(files)} files of tags: call them train, valid and test ({others}).")
        found = _Found()
        for file, split in splits.items():
            self._read(file, split, found)
        frames = {}
        for split, rows in found.rows.items():
            columns: dict[str, list[Any]] = {WORDS: [joined(words) for words, _ in rows.values()]}
            if any(tags is not None for _, tags in rows.values()):
                columns[TAGS] = [tags for _, tags in rows.values()]
            frames[split] = make_frame(columns, list(rows))
        notes = []
        if found.documents:
            notes.append(f"{counted(found.documents, 'lines')} {DOCUMENT} {agree(found.documents, 'are')} passed over")
        wrong = (BadRows("Lines that have no tag:", found.wrong),) if found.wrong else ()
        return Tables(
            frames, (TAGS,) if any(TAGS in frame for frame in frames.values()) else (), tuple(notes), wrong=wrong
        )

    def _read(self, file: Path, split: str, found: _Found) -> None:
        """Read the sentences of a file."""
        try:
            lines = file.read_text(encoding="utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise DataError(f"{file.name} is no text in UTF-8: {error}.") from error
        between = "\t" if any("\t" in line for line in lines) else None
        rows = [line.strip("\r\n ").split(between) if line.strip() else [] for line in lines]
        bare = all(len(row) < 2 for row in rows)  # words alone, to be tagged
        own: list[tuple[int, list[str]]] = []
        before = len(found)
        for number, row in enumerate([*rows, []], 1):
            if row and row[0].startswith(DOCUMENT):
                found.documents += 1
                row = []
            if row:
                own.append((number, row))
            elif own:
                self._sentence(own, file.name, split, found, bare=bare)
                own = []
        if len(found) == before:
            raise DataError(f"{file.name} has no words.")

    def _sentence(
        self, lines: list[tuple[int, list[str]]], name: str, split: str, found: _Found, *, bare: bool
    ) -> None:
        """Take the words and tags of a sentence, or say which of its lines lack one."""
        least = max(self.word, self.tag or (1 if bare else 2))
        wrong = [number for number, row in lines if len(row) < least or not row[self.word - 1].strip()]
        first = f"{name}:{lines[0][0]}"
        if wrong:
            listed = first_few(f"line {number}" for number in wrong)
            mend = option("reader", "conll word=1 tag=2")
            found.wrong.append(
                Problem(first, f"{listed} of its sentence: fewer than {least} columns", f"mend, or {mend}")
            )
            return
        words = [row[self.word - 1] for _, row in lines]
        tags = None if bare else [row[self.tag - 1].strip() for _, row in lines]
        found.rows.setdefault(split, {})[first] = (words, tags)


class _Found:
    """What was read: rows by split and name, lines without a tag, and how many documents there are."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, tuple[list[str], list[str] | None]]] = {}
        self.wrong: list[Problem] = []
        self.documents = 0

    def __len__(self) -> int:
        return sum(map(len, self.rows.values())) + len(self.wrong)
