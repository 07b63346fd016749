"""Which files are like those of CoNLL-2003: a word a line with its columns, a blank line between sentences."""

from __future__ import annotations

from pathlib import Path

from headstart.data.tables import split_name
from headstart.data.walk import files_in
from headstart.targets._schemes import OUT, seems_scheme

ENDINGS = (".conll", ".iob", ".iob2", ".bio", ".bioes", ".bilou")
DOUBTFUL = (".txt", ".tsv", ".train", ".valid", ".dev", ".test", ".testa", ".testb")  # by what is in them
OFFICIAL = {"testa": "validation", "testb": "test"}  # of CoNLL-2003
DOCUMENT = "-DOCSTART-"
BYTES, LEAST = 20_000, 3  # that are looked at of a file; lines with words that it must have at least


def is_conll(path: Path) -> bool:
    """Return whether a file is one: by its ending, or because its last column writes entities."""
    ending = path.suffix.lower()
    if ending in ENDINGS:
        return path.is_file()
    if ending not in DOUBTFUL or not path.is_file():
        return False
    with path.open("rb") as file:
        lines = file.read(BYTES).decode("utf-8", errors="replace").splitlines()
    if len(lines) * 2 > LEAST and "\ufffd" in lines[-1]:
        lines.pop()
    rows = [line.split() for line in lines if line.strip() and not line.startswith(DOCUMENT)]
    rows = rows[:-1] if len("\n".join(lines)) > BYTES - 1000 else rows  # one may be cut off
    tags = [row[-1] for row in rows if len(row) > 1]
    few = len(rows) < LEAST or len(tags) < len(rows) or len({len(row) for row in rows}) > 1
    return not few and OUT in tags and seems_scheme(tags)


def split_of(path: Path) -> str | None:
    """Return the split that a file is called after: "eng.testa" is for validation; None for others."""
    return OFFICIAL.get(path.suffix.lower().lstrip(".")) or split_name(path.name)


def conll_files(path: Path) -> list[Path]:
    """Find such files: the one that is named, or those of a folder, sorted by name."""
    if path.is_file():
        return [path] if is_conll(path) else []
    return [file for file in files_in(path) if is_conll(file)] if path.is_dir() else []
