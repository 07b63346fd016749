"""Which files are like those of SQuAD: JSON of articles, paragraphs and questions."""

from __future__ import annotations

from pathlib import Path

from headstart.data.walk import files_in

BYTES = 20_000  # that are looked at of a file


def is_questions(path: Path) -> bool:
    """Return whether a file is one, by how it begins."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        begins = file.read(BYTES)
    return b'"data"' in begins and b'"paragraphs"' in begins and (b'"context"' in begins or b'"qas"' in begins)


def question_files(path: Path) -> list[Path]:
    """Find such files: the one that is named, or those of a folder, sorted by name."""
    if path.is_file():
        return [path] if is_questions(path) else []
    return [file for file in files_in(path) if is_questions(file)] if path.is_dir() else []
