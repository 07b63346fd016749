"""One of several classes a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.targets._class_outcomes import ClassOutcomes


@dataclass(frozen=True)
class Multiclass(ClassOutcomes):
    """One of several classes a row.

    columns: of the table, that hold the labels. classes: the class list, by name.
    """

    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    # labels: read, encoded, learnt

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one example."""
        return len(self.classes)

    # what comes out: decisions, figures, tables, report

    title: ClassVar[str] = "multi-class classification"
