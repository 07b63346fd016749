"""One number a row, or several."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Regression:
    """One number a row, or several.

    columns: of the table, that hold the numbers. classes: none.
    """

    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    # labels: read, encoded, learnt

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one example."""
        return len(self.columns)

    # what comes out: decisions, figures, tables, report
