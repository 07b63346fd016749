"""Questions whose answers are pieces of contexts, in files like those of SQuAD 1.1 and 2.0.

Rajpurkar et al. 2016, arXiv:1606.05250; 2018, arXiv:1806.03822.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.errors import BadRows, DataError, Problem, UsageError, first_few
from headstart.data.readers._questions import question_files
from headstart.data.tables import Tables, make_frame, split_name

QUESTION, CONTEXT, ANSWERS, ID = "question", "context", "answers", "id"
IMPOSSIBLE = "is_impossible"


@dataclass(frozen=True)
class Squad:
    """Read questions with contexts and answers: JSON of articles (data), paragraphs and questions (qas), as SQuAD's."""

    def matches(self, data: Any) -> bool:
        """Return whether `data` is such a file, or a folder with some."""
        return isinstance(data, str | Path) and bool(question_files(Path(data)))

    def read(self, data: Any) -> Tables:
        """Read to the columns question, context and answers; rows are named by the question's id, else by its number.

        Args:
            data: The file or folder.

        Returns:
            The tables; questions that contradict themselves are told in them.

        Raises:
            UsageError: A folder has several files that are called like no split, or two like the same one.
            DataError: A file is no JSON, is of another shape, or has no question.
        """
        root = Path(data)
        files = question_files(root) or [root]
        splits = ["all" if len(files) == 1 else split_name(file.name) or "" for file in files]
        if "" in splits or len({*splits}) < len(splits):
            raise UsageError(
                f"{root} has {len(files)} files of questions: call them train, dev and test "
                f"({first_few(file.name for file in files)})."
            )
        frames, wrong = {}, []
        for file, split in zip(files, splits, strict=True):
            rows = _rows(file)
            names = _names(file.name, rows)
            columns: dict[str, list[Any]] = {name: [row.get(name) for row in rows] for name in (QUESTION, CONTEXT)}
            if any(ANSWERS in row for row in rows):
                columns[ANSWERS] = [row.get(ANSWERS) for row in rows]
            frames[split] = make_frame(columns, names)
            wrong += [Problem(name, why) for name, row in zip(names, rows, strict=True) if (why := _wrong(row))]
        hint = (ANSWERS,) if any(ANSWERS in frame for frame in frames.values()) else ()
        return Tables(frames, hint, wrong=(BadRows("Questions that contradict themselves:", wrong),) if wrong else ())


def _rows(file: Path) -> list[dict[str, Any]]:
    """Read the questions of a file, each with the context of its paragraph."""
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise DataError(f"{file.name} is not JSON: {error}. Is the file cut off?") from error
    rows = []
    for where, article in _each(content, "data", file.name):
        for inner, paragraph in _each(article, "paragraphs", where):
            context = paragraph.get(CONTEXT)
            rows += [{**asked, CONTEXT: context} for _, asked in _each(paragraph, "qas", inner)]
    if not rows:
        raise DataError(f"{file.name} has no question.")
    return rows


def _each(holder: Any, key: str, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the objects of a list, with their places. DataError: there is another shape."""
    found = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise DataError(f"{where} has no list of objects '{key}', as SQuAD's files have.")
    return ((f"{where}: {key}[{place}]", each) for place, each in enumerate(found))


def _names(file: str, rows: list[dict[str, Any]]) -> list[str]:
    """Name questions by their ids where each has its own, else by their numbers from 1."""
    ids = [str(row.get(ID) or "") for row in rows]
    known = "" not in ids and Counter(ids).most_common(1)[0][1] == 1
    return [f"{file}:{own if known else number}" for number, own in enumerate(ids, 1)]


def _wrong(row: dict[str, Any]) -> str:
    """Say how a question contradicts itself; "" where it does not."""
    said, answers = row.get(IMPOSSIBLE), row.get(ANSWERS)
    if said is True and answers:
        return f"is said to have no answer ({IMPOSSIBLE}) and has {len(answers)}"
    return f"is said to have an answer ({IMPOSSIBLE} is false) and has none" if said is False and answers == [] else ""
