"""An answer to a question that is a piece of a context: extractive question answering."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headstart.core.cells import blank
from headstart.core.columns import Column, blank_cells, cells_of
from headstart.core.counting import agree, counted
from headstart.core.errors import BadRows, DataError, Problem, UsageError, first_few
from headstart.core.interface import option
from headstart.targets._asked import Asked, BadAnswer, made, read_answers
from headstart.targets._infer import LabelCells
from headstart.targets._span_outcomes import SpanOutcomes
from headstart.targets._target import BaseTarget

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from headstart.core.types import Labels
    from headstart.targets._outputs import Output

LOOKED_AT = 200  # rows, for whether their labels are answers
MENDED = "an answer that stands elsewhere in the context than was said, once: it is taken from there"


@dataclass(frozen=True)
class Spans(SpanOutcomes, BaseTarget):
    """An answer to a question that is a piece of a context: where it begins and ends.

    unanswerable: whether some questions of training have no answer, so that "no answer" is one.
    """

    order: ClassVar[int] = 2
    dense: ClassVar[bool] = True
    pooled: ClassVar[bool] = False
    head: ClassVar[str] = "spans"
    surgery: ClassVar[tuple[str, ...]] = ("context",)
    losses: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    usual_batch: ClassVar[int | None] = 16  # contexts are long
    unanswerable: bool = False

    @classmethod
    def fits(cls, labels: LabelCells) -> bool:
        """Return whether the labels are answers with their starts."""
        if len(labels.columns) != 1 or not len(labels):
            return False
        try:
            return any(len(read_answers(cell).answers) for cell in labels.cells[:LOOKED_AT])
        except BadAnswer:
            return False

    @classmethod
    def of(cls, columns: Sequence[str], separator: str | None = None) -> Self:
        """Make the target of a column of answers, or of their texts and of their starts. UsageError: of others."""
        if len(columns) > 2:
            raise UsageError(f"Answers are one column, or their texts and their starts, not {first_few(columns)}.")
        return super().of(columns, separator)

    def complete(self, train: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Complete the target by whether questions lack an answer. DataError: labels are missing or no answers."""
        self.check_present(frames)
        return replace(self, unanswerable=not all(Asked.of(label).answers for label in self.encode(train)))

    def unlabelled(self, column: Column) -> np.ndarray:
        """Return which cells say that the row has no label: those that are blank, but for texts beside starts."""
        found = blank_cells(column)
        return found & False if len(self.columns) > 1 and getattr(column, "name", None) == self.columns[0] else found

    def encode(self, frame: pd.DataFrame) -> list[np.ndarray]:
        """Turn cells into answers, [n] uint8 each (`Asked.packed`). DataError: cells cannot be used; all are listed."""
        cells = zip(*(cells_of(frame[name]) for name in self.columns), strict=True)

        def read(own: Any) -> Asked:
            if len(own) == 1:
                return read_answers(own[0])
            return Asked(()) if blank(own[0]) else made([own])

        return self._each(list(map(str, frame.index)), cells, read)

    def lay_over(
        self, rows: Sequence[str], labels: Labels, sizes: Sequence[tuple[int, int] | None], items: Sequence[Any] = ()
    ) -> Labels:
        """Put each answer into its context. UsageError: examples are no pairs. DataError: some are not there."""
        if not all(isinstance(item, tuple) for item in items):
            raise UsageError(
                "Answers are looked for in contexts, and these examples are no pairs of a question and a context: name "
                f"both columns ({option('input', 'question,context')})."
            )
        return self._each(rows, zip(labels, items, strict=True), lambda own: Asked.of(own[0]).within(*own[1]))

    def remarks(self, labels: Labels) -> list[str]:
        """Tell how many answers were found elsewhere than they were said to be."""
        mended = sum(Asked.of(label).mended for label in labels)
        return [f"{counted(mended, 'rows', len(labels))} {agree(mended, 'have')} {MENDED}"] if mended else []

    def check_training(self, labels: Labels) -> None:
        """Refuse training rows without any answer (DataError)."""
        if not any(Asked.of(label).answers for label in labels):
            raise DataError("No question of the training rows has an answer: there is nothing to learn.")

    def collate(self, labels: Labels) -> torch.Tensor:
        """Make the tensor [B, 2] int64 of where the first answer of each row begins and ends; -1 without any."""
        import torch

        first = [next(iter(Asked.of(label).answers), None) for label in labels]
        return torch.tensor([(-1, -1) if each is None else (each[0], each[0] + len(each[1])) for each in first])

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one token."""
        return 2

    def output(self) -> Output:
        """Make the module that gives a head's numbers their meaning: the softmax over the tokens of the context."""
        from headstart.targets._span_output import SpanOutput

        return SpanOutput(unanswerable=self.unanswerable)

    def describe(self) -> str:
        """Describe whether questions may lack an answer."""
        return "pieces of a context as answers" + (", or none" if self.unanswerable else "") + ", read as spans"

    def _each(self, rows: Sequence[str], cells: Any, read: Callable[[Any], Asked]) -> list[np.ndarray]:
        """Read the answers of each row. BadRows: some cannot be used; all are listed."""
        found, problems = [], []
        for row, own in zip(rows, cells, strict=True):
            try:
                found.append(read(own).packed())
            except BadAnswer as error:
                problems.append(Problem(str(row), str(error), "mend the answer, or delete the row"))
        if problems:
            raise BadRows(f"The answers of {counted(len(problems), 'rows')} cannot be used:", problems)
        return found
