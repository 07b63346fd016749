"""One of two classes a row; the second class is the positive one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Binary:
    """One of two classes a row; the second class is the positive one.

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
