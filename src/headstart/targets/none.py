"""Nothing is predicted: pretraining on inputs alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from headstart.core.errors import UsageError, first_few
from headstart.targets._target import BaseTarget


@dataclass(frozen=True)
class Nothing(BaseTarget):
    """Nothing is predicted: no label column is looked for, and the model has no head.

    columns and classes: none.
    """

    # labels: read, encoded, learnt

    form: ClassVar[str] = ""
    needs_columns: ClassVar[bool] = False

    @classmethod
    def of(cls, columns: Sequence[str], separator: str | None = None) -> Self:
        """Make the target. UsageError: label columns or a separator are named."""
        if columns:
            raise UsageError(f"A task without a target has no label column; {first_few(columns)} is named as one.")
        return super().of(columns, separator)

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one example: there is no head."""
        return 0

    # what comes out: decisions, figures, tables, report

    title: ClassVar[str] = "pretraining"
