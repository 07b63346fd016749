"""Why each candidate of a search was kept or dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.drawing.blocks import Table, Words
from headstart.drawing.draw import draw
from headstart.evaluation.report.search import HEADS, rows, said
from headstart.runs.folder import read_json
from headstart.selection.record import RECORD


@dataclass(frozen=True, repr=False)
class Explained:
    """What a search tried. plain: what `search.json` holds."""

    plain: Mapping[str, Any]

    @property
    def rows(self) -> Sequence[tuple[str, ...]]:
        """Of each that was tried: its name, how far it came, its figure, its seconds, and what became of it."""
        return rows(self.plain)

    @property
    def said(self) -> Sequence[str]:
        """What was chosen, and what was spent."""
        return said(self.plain)

    def __repr__(self) -> str:
        """List all, and say what was chosen."""
        return "\n".join([*(" | ".join(row) for row in self.rows), *self.said])

    def _repr_html_(self) -> str:
        """Show the table in a notebook."""
        return draw([[*map(Words, self.said), Table(HEADS, self.rows)]])


def explain(folder: str | Path) -> Explained:
    """Say of a run that was searched for why each candidate was kept or dropped.

    Args:
        folder: The run's, such as `run.folder`.

    Returns:
        What was tried; it prints as a table.

    Raises:
        UsageError: The run was not searched for, or the search has not come to its end.
    """
    path = Path(folder) / RECORD
    if not path.is_file():
        raise UsageError(
            f"{folder} has no {RECORD}: its source was not searched for, or the search goes on. Search with "
            f"{option('sources', 'package:*')} or {option('budget', '5m')}."
        )
    return Explained(read_json(path))
