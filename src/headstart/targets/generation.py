"""A text that answers an example: its translation or summary, or what is said in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from headstart.core.cells import class_name
from headstart.core.columns import cells_of
from headstart.core.counting import counted
from headstart.core.errors import BadRows, DataError, Problem
from headstart.core.task import kind_of
from headstart.targets._target import BaseTarget
from headstart.targets._text_outcomes import TextOutcomes
from headstart.targets._written_texts import END, filled, packed

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from headstart.core.types import Labels, LossOptions
    from headstart.targets._outputs import Output

ROOM = 2  # times the longest label of training, that an answer may have
MORE = 16  # bytes beside that


@dataclass(frozen=True)
class Generation(TextOutcomes, BaseTarget):
    """A text that answers an example: its translation or summary, or what is said in it.

    longest: bytes of the longest training label, in UTF-8.
    """

    longest: int = 0

    # labels: read, encoded, learnt

    one_column: ClassVar[str] = "column of texts"
    pooled: ClassVar[bool] = False
    head: ClassVar[str] = "seq2seq"
    losses: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    usual_batch: ClassVar[int | None] = 16  # each answer has many tokens

    def complete(self, train: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> Self:
        """Complete the target by the length of the labels. DataError: some are missing or cannot be used."""
        self.check_present(frames)
        return replace(self, longest=max((len(label) for label in self.encode(train)), default=0))

    def encode(self, frame: pd.DataFrame) -> list[np.ndarray]:
        """Turn cells into texts without space around them, [n] uint8 each. DataError: cells are no text."""
        texts = [class_name(cell).strip() for cell in cells_of(frame[self.columns[0]])]
        reasons = [(str(row), _wrong(text)) for row, text in zip(frame.index, texts, strict=True)]
        problems = [Problem(row, why, "mend it") for row, why in reasons if why]
        if problems:
            raise BadRows(f"The texts of {counted(len(problems), 'rows')} cannot be used:", problems)
        return [packed(text) for text in texts]

    def check_training(self, labels: Labels) -> None:
        """Refuse one text for all rows (DataError)."""
        if len({label.tobytes() for label in labels}) < 2:
            raise DataError(f"All training rows have the same text in '{self.columns[0]}': there is nothing to learn.")

    def collate(self, labels: Labels) -> torch.Tensor:
        """Make the tensor [B, n] uint8 of texts, which zeros fill up."""
        import torch

        return torch.from_numpy(filled(labels))

    @property
    def outputs(self) -> int:
        """Bytes of an output: an answer may be longer than all labels."""
        return ROOM * self.longest + MORE

    def output(self) -> Output:
        """Make the module that gives rows of bytes their meaning."""
        from headstart.targets._text_output import TextOutput

        return TextOutput(self.outputs)

    def check_loss(self, options: LossOptions) -> None:
        """Refuse what is for classes (UsageError); label smoothing is over tokens."""
        super().check_loss(replace(options, label_smoothing=0.0))

    def describe(self) -> str:
        """Describe in words what the labels were taken for."""
        return f"texts of up to {self.longest:,} bytes, read as {kind_of(self)}"

    # what comes out: figures, tables, report: `_text_outcomes.py`


def _wrong(text: str) -> str:
    """Say why a text cannot be a label; "" where it can."""
    if END in text:
        return "holds a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a character (a lone surrogate)"
    return ""
