"""One of two classes a row; the second class is the positive one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.targets._classes import OneClass
from headstart.targets._infer import LabelCells


@dataclass(frozen=True)
class Binary(OneClass):
    """One of two classes a row; the second class is the positive one."""

    # labels: read, encoded, learnt

    order: ClassVar[int] = 30
    most: ClassVar[int | None] = 2
    array_type: ClassVar[str] = "binary"

    @classmethod
    def fits(cls, labels: LabelCells) -> bool:
        """Return whether one column has two different names, or whole numbers of at most two values."""
        few = labels.distinct == 2 if labels.words else labels.distinct <= 2
        return len(labels.columns) == 1 and few

    # what comes out: decisions, figures, tables, report
