"""One of several classes a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.targets._classes import OneClass
from headstart.targets._infer import LabelCells


@dataclass(frozen=True)
class Multiclass(OneClass):
    """One of several classes a row."""

    # labels: read, encoded, learnt

    order: ClassVar[int] = 40
    array_type: ClassVar[str] = "multiclass"

    @classmethod
    def fits(cls, labels: LabelCells) -> bool:
        """Return whether there is one column; kinds that ask for more of it are asked before."""
        return len(labels.columns) == 1

    # what comes out: decisions, figures, tables, report

    title: ClassVar[str] = "multi-class classification"
