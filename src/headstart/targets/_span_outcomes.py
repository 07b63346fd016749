"""What comes out of answers that are pieces of a context: labels are `Asked`, as bytes; outputs [N, n, 3] float32, the
likeliest answers of each row first: start, end and probability. An end of 0 is no answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from headstart.core.counting import agree, counted
from headstart.core.errors import DataError
from headstart.core.outcome import Calibration, Colours, Measurements, Wrong
from headstart.core.types import Labels
from headstart.drawing.blocks import Section
from headstart.metrics._answers import best, exact, overlap
from headstart.targets._asked import Asked
from headstart.targets._mask_pictures import colours
from headstart.targets._span_tables import sections

ASKED, SPANS = "asked", "spans"  # columns of the table of predictions
NOTHING = "no answer"
AROUND = 200  # signs of a context that are shown on either side of an answer


class Answer(NamedTuple):
    """An answer with its place in the context, and its probability; start and end are -1 where there is none."""

    text: str
    start: int
    end: int
    score: float


class SpanOutcomes:
    """A target of an answer that is a piece of a context."""

    columns: tuple[str, ...]
    unanswerable: bool
    form: ClassVar[str] = "spans"
    primary: ClassVar[str] = "token_f1"
    title: ClassVar[str] = "answers within contexts"
    hub: ClassVar[str] = "question-answering"
    loss_unit: ClassVar[str] = "nats, mean of start and end"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    def check(self, labels: Labels, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read the right answers, tuples of texts, and the likeliest ones, [N] each. DataError: others are so many."""
        if not len(labels) or len(labels) != len(outputs):
            raise DataError(f"There are {len(labels)} questions and {len(outputs)} answers: one for each is needed.")
        right, found = (np.empty(len(labels), dtype=object) for _ in range(2))
        for row, (label, output) in enumerate(zip(labels, outputs, strict=True)):
            asked = Asked.of(label)
            right[row], found[row] = asked.texts, _answers(output, asked.context)[0].text
        return right, found

    def laid(self, output: np.ndarray, size: tuple[int, int], item: Any = None) -> list[Answer]:
        """Read the answers from the context."""
        return _answers(output, item[1])

    def as_outputs(self, labels: Labels) -> np.ndarray:
        """Give no answer to any question, [N, 1, 3]: no piece of a context is usual."""
        return np.zeros((len(labels), 1, 3), dtype=np.float32)

    def decide(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> None:
        """Return None: an answer is more or less right."""

    def predictions(self, outputs: Any, thresholds: Mapping[str, float] | None = None) -> list[str]:
        """Give the likeliest answer of each row as `laid` gave them, "" for none; without it, where that stands."""
        return [
            (f"{int(own[0][0])}:{int(own[0][1])}" if own[0][1] > 0 else "")
            if isinstance(own, np.ndarray)
            else own[0].text
            for own in outputs
        ]

    def calibrate(self, labels: Labels | None, outputs: np.ndarray | None) -> Calibration:
        """Choose nothing."""
        return Calibration()

    def scale(self, outputs: np.ndarray, temperature: float | None) -> np.ndarray:
        """Leave answers as they are."""
        return outputs

    @property
    def table_columns(self) -> tuple[str, ...]:
        """The questions with their contexts and answers, and what was found."""
        return (ASKED, SPANS)

    def table(
        self, labels: Labels | None, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """Make the columns `prediction` and `spans` (float32 [n, 3] as bytes), with labels `label` and `asked`, too."""
        spans = [np.ascontiguousarray(output, dtype=np.float32).tobytes() for output in outputs]
        if labels is None:
            return {"prediction": self.predictions(outputs), SPANS: spans}
        right, found = self.check(labels, outputs)
        first = [next(iter(texts), "") for texts in right]
        asked = [label.tobytes().decode() for label in labels]
        return {"label": first, "prediction": list(found), ASKED: asked, SPANS: spans}

    def cells(
        self, laid: Sequence[list[Answer]], thresholds: Mapping[str, float] | None = None, items: Sequence[Any] = ()
    ) -> dict[str, list[Any]]:
        """Write answer, start, end and score of each row, and the likeliest answers as JSON."""
        first = [answers[0] for answers in laid]
        found: dict[str, list[Any]] = {"prediction": [each.text or NOTHING for each in first]}
        found |= {"answer": [each.text for each in first], "start": [each.start for each in first]}
        found |= {"end": [each.end for each in first], "score": [round(each.score, 4) for each in first]}
        every = [[{**each._asdict(), "score": round(each.score, 4)} for each in answers] for answers in laid]
        return found | {SPANS: [json.dumps(own, ensure_ascii=False) for own in every]}

    def read_table(self, table: Mapping[str, Any]) -> tuple[Labels, np.ndarray]:
        """Read the questions and what was found, [N, n, 3]."""
        labels = [np.frombuffer(str(cell).encode(), dtype=np.uint8) for cell in table[ASKED]]
        return labels, np.stack([np.frombuffer(cell, dtype=np.float32).reshape(-1, 3) for cell in table[SPANS]])

    def reorder(self, classes: Sequence[str], labels: Labels, outputs: np.ndarray) -> tuple[Labels, np.ndarray]:
        """Leave both as they are: there are no classes."""
        return labels, outputs

    def _wrong(self, labels: Labels, outputs: np.ndarray) -> np.ndarray:
        """Return the share of the words of each row that are wrong, [N]: 1 minus F1."""
        pairs = zip(*self.check(labels, outputs), strict=True)
        return np.array([1 - best(overlap, right, found) for right, found in pairs])

    def mistakes(
        self, labels: Labels, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """Find the rows whose answer has wrong words, the worst first; of equal ones those that were surer."""
        wrong = self._wrong(labels, outputs)
        order = np.lexsort((-outputs[:, 0, 2], -wrong))
        return order[wrong[order] > 0]

    def explain(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> Wrong:
        """Show the right answers and what was found, with its probability."""
        asked = Asked.of(label)
        found = _answers(output, asked.context)[0]
        return Wrong(
            " / ".join(dict.fromkeys(asked.texts)) or NOTHING, found.text or NOTHING, f"score {found.score:.2f}"
        )

    def marked(
        self, item: Any, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> list[tuple[str, list[tuple[str, str, str]]]]:
        """Show the question, and mark the answer in its context as labelled and as predicted."""
        asked = Asked.of(label)
        found = _answers(output, asked.context)[0]
        right = next(((start, start + len(text)) for start, text in asked.answers), (-1, -1))
        lines = [("question", [(asked.question, "", "")])]
        for (line, shade), (start, end) in zip(self.colour_key(), (right, (found.start, found.end)), strict=True):
            lines.append((line, _pieces(asked.context, start, end, line, shade)))
        return lines

    def colour_key(self) -> list[tuple[str, str]]:
        """Return the colours of what is labelled and of what is predicted."""
        names = ("label", "predicted")
        return [(name, f"#{bytes(shade.tolist()).hex()}") for name, shade in zip(names, colours(2), strict=True)]

    def decisive(self, label: Any, output: np.ndarray, thresholds: Mapping[str, float] | None = None) -> int:
        """Name the first number: no single one decides."""
        return 0

    def introduce(self, wrong: int, shown: int, split: str) -> str:
        """Describe which rows are shown."""
        return f"Of the {split} rows, {wrong} {agree(wrong, 'have')} wrong words. In these {shown} most are wrong."

    def colours(self, labels: Labels) -> Colours:
        """Colour each row by the characters of its answer."""
        lengths = [max(map(len, Asked.of(label).texts), default=0) for label in labels]
        return Colours(np.array(lengths, dtype=np.float64), ())

    def fold_strata(self, labels: Labels) -> None:
        """Return None: rows have no class."""

    def counts(self, labels: Labels) -> dict[str, int]:
        """Return nothing: there are no classes."""
        return {}

    def ranges(self, labels: Labels) -> dict[str, list[float]]:
        """Find the least, the mean and the most characters of an answer."""
        lengths = self.colours(labels).groups
        return {"characters of an answer": [float(find(lengths)) for find in (np.min, np.mean, np.max)]}

    def notes(self, labels: np.ndarray) -> list[str]:
        """Count the questions without an answer, where training had none."""
        none = sum(not own for own in labels)
        if self.unanswerable or not none:
            return []
        return [
            f"{counted(none, 'questions', len(labels))} {agree(none, 'have')} no answer, and training had none: wrong"
        ]

    def selection(self, labels: Labels) -> str:
        """Name the metric by which steps are chosen."""
        return self.primary

    def validation_loss(self, labels: Labels, outputs: np.ndarray) -> float:
        """Compute 1 minus the F1 of words."""
        return float(self._wrong(labels, outputs).mean())

    def sections(self, measured: Measurements) -> list[Section]:
        """Show the figures of questions with and without an answer, and of short and long answers."""
        right, found = self.check(measured.labels, measured.outputs)
        figures = [[best(compare, *each) for each in zip(right, found, strict=True)] for compare in (exact, overlap)]
        return sections(self.colours(measured.labels).groups, np.array(figures), np.array([not each for each in found]))


def _answers(output: np.ndarray, context: str) -> list[Answer]:
    """Read answers [n, 3] from the context; the first is there always, others where they can be."""
    found = [
        Answer(context[int(start) : int(end)], int(start), int(end), float(score))
        if end > 0
        else Answer("", -1, -1, float(score))
        for start, end, score in output
    ]
    return [*found[:1], *(answer for answer in found[1:] if answer.score > 0)]


def _pieces(context: str, start: int, end: int, what: str, shade: str) -> list[tuple[str, str, str]]:
    """Cut a context around an answer into what is before it, the answer and what is behind it."""
    if start < 0:
        rest = context[: 2 * AROUND] + (" …" if len(context) > 2 * AROUND else "")
        return [(NOTHING, what, shade), (rest, "", "")]
    before, behind = context[max(0, start - AROUND) : start], context[end : end + AROUND]
    before = ("… " if start > AROUND else "") + before
    behind += " …" if len(context) > end + AROUND else ""
    pieces = [(before, "", ""), (context[start:end], what, shade), (behind, "", "")]
    return [piece for piece in pieces if piece[0].strip()]
