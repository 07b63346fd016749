"""Questions with the answers that are pieces of a context: as they stand in cells, and as rows of bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np

from headstart.core.cells import blank, number


class Written(NamedTuple):
    """How an answer is written in SQuAD's files, and in tables like them."""

    text: Any
    answer_start: Any


KEYS = Written._fields


class BadAnswer(ValueError):
    """Answers that cannot be used, and why, in words that follow the name of a row."""


@dataclass(frozen=True)
class Asked:
    """A question with its answers: where each begins in the context, and its text; none where there is no answer.

    mended: whether an answer was found at another place than its own.
    """

    answers: tuple[tuple[int, str], ...]
    question: str = ""
    context: str = ""
    mended: bool = False

    @classmethod
    def of(cls, label: np.ndarray) -> Self:
        """Read what `packed` wrote."""
        plain = json.loads(label.tobytes())
        return cls(**{**plain, "answers": tuple((int(start), text) for start, text in plain["answers"])})

    def packed(self) -> np.ndarray:
        """Write as a label, [n] uint8 of JSON."""
        return np.frombuffer(json.dumps(asdict(self), ensure_ascii=False).encode(), dtype=np.uint8)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of the answers."""
        return tuple(text for _, text in self.answers)

    def within(self, question: str, context: str) -> Self:
        """Put the answers into their context; one that stands once at another place than its own is found there.

        Args:
            question: What is asked.
            context: Holds the answers.

        Returns:
            The same with both.

        Raises:
            BadAnswer: An answer is not in the context, or at several places but its own.
        """
        found = tuple((_found(start, text, context), text) for start, text in self.answers)
        return replace(self, answers=found, question=question, context=context, mended=found != self.answers)


def _found(start: int, text: str, context: str) -> int:
    if not 0 <= start < len(context):
        raise BadAnswer(f"begins at {start:,}, outside the context of {len(context):,} characters")
    if context.startswith(text, start):
        return start
    first = context.find(text)
    if first < 0 or context.find(text, first + 1) >= 0:
        where = "is not in the context" if first < 0 else "is at other places in the context"
        raise BadAnswer(f"has '{text[:40]}' as its answer at {start:,}, where there is another text, and it {where}")
    return first


def read_answers(cell: Any) -> Asked:
    """Read the answers of a cell: {"text": […], "answer_start": […]} as in tables, [{"text", "answer_start"}, …] as in
    SQuAD's files, one such object, or the JSON of these. BadAnswer: it is none.
    """
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except ValueError as error:
            raise BadAnswer(f"is no JSON: {error}") from error
    cell = cell.tolist() if isinstance(cell, np.ndarray) else cell
    if isinstance(cell, Mapping):
        if not {*KEYS} <= {*cell}:
            raise BadAnswer(f"has no {' and '.join(KEYS)}")
        texts, starts = (
            each if isinstance(each, list | tuple | np.ndarray) else [each] for each in map(cell.get, KEYS)
        )
        if len(texts) != len(starts):
            raise BadAnswer(f"has {len(texts)} texts and {len(starts)} starts of answers")
        return made(list(map(Written, texts, starts)))
    if not isinstance(cell, list | tuple) or not all(isinstance(each, Mapping) and {*KEYS} <= {*each} for each in cell):
        raise BadAnswer(f"holds no answers, each with {' and '.join(KEYS)}")
    return made([Written(*map(each.get, KEYS)) for each in cell])


def made(answers: Iterable[tuple[Any, Any]]) -> Asked:
    """Make answers of texts and starts, white space around a text left out. BadAnswer: a text or a start is none."""
    found: dict[tuple[int, str], None] = {}
    for text, start in answers:
        place = number(start) if isinstance(start, str) else start
        if not isinstance(text, str) or blank(text):
            raise BadAnswer("has an answer without text")
        if isinstance(place, bool) or not isinstance(place, int | float | np.number) or place != int(place):
            raise BadAnswer(f"has {start!r}, no whole number, as the start of an answer")
        found[int(place) + len(text) - len(text.lstrip()), text.strip()] = None
    return Asked(tuple(found))
