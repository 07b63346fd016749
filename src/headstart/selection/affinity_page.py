"""How much tasks help each other as one page: heat maps, and a table of what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.drawing.blocks import Cell, Page, Section, Table, Words, left
from headstart.drawing.draw import draw
from headstart.drawing.text import UNKNOWN, number_text, words

if TYPE_CHECKING:
    from headstart.selection.affinity import Affinity

FULL = 0.6  # share from which a cell is so dark that its text is white
CORNER = "helper \\ helped"
GAIN, COSINE, LOOKAHEAD = "gain of a pair, %", "cosine of the gradients", "fall by a step of the helper, %"
HEADS = ("helper", "helped", "metric", "alone", "together", "fall of the loss, %", "standard error")
TOLD = {
    GAIN: "Fall of the helped task's validation loss beside the helper, against itself alone.",
    COSINE: "1: both tasks pull the common weights the same way; below 0: against each other.",
    LOOKAHEAD: "Fall of the helped task's loss after a small step for the helper alone.",
}


def texts(found: Affinity) -> dict[str, list[tuple[str, ...]]]:
    """Write the matrices: by title a row for each helper, its name first, under `CORNER` and the tasks."""
    return {
        title: [
            (name, *(cell(row, column) for column in range(len(found.tasks)))) for row, name in enumerate(found.tasks)
        ]
        for title, (_, cell) in _matrices(found).items()
    }


def measured_rows(found: Affinity) -> list[tuple[str, ...]]:
    """Write the measured gains, cells under `HEADS`."""
    return [
        (
            *pair,
            words(g.metric),
            *map(number_text, (g.alone, g.together)),
            _percent(g.gain, 1),
            f"{100 * g.error:.1f}",
        )
        for pair, g in found.gains.items()
    ]


def matrices(found: Affinity) -> list[Any]:
    """Draw the matrices as heat maps: one colour where a task helps, another where it harms.

    Args:
        found: What there is to say.

    Returns:
        Blocks.
    """
    return [block for section in _sections(found) for block in section.blocks]


def render(found: Affinity) -> str:
    """Write the page.

    Args:
        found: What there is to say.

    Returns:
        HTML.
    """
    top = [Words(line, "headline" if not place else "soft") for place, line in enumerate(found.said())]
    top += [Words(line, "strong") for line in found.warnings()]
    rows = [(helper, left(helped), left(metric), *cells) for helper, helped, metric, *cells in measured_rows(found)]
    told = f"Each of {found.steps:,} steps; metrics are of the validation rows of the helped task."
    table = Section("Measured", [Table((HEADS[0], *map(left, HEADS[1:3]), *HEADS[3:]), rows), Words(told, "soft")])
    return str(draw(Page("Which tasks help each other", ", ".join(found.tasks), top, [*_sections(found), table])))


def _sections(found: Affinity) -> list[Section]:
    return [
        Section(
            title[0].upper() + title[1:],
            [_heat(found.tasks, values, cell, 1.0 if title == COSINE else None), Words(TOLD[title], "soft")],
        )
        for title, (values, cell) in _matrices(found).items()
    ]


def _matrices(found: Affinity) -> dict[str, tuple[np.ndarray, Callable[[int, int], str]]]:
    """Return by title the values, NaN where there are none, and what writes a cell."""
    tasks, seen = found.tasks, found.agreement
    gains = np.full_like(seen.cosine, np.nan)
    for (helper, helped), gain in found.gains.items():
        gains[tasks.index(helper), tasks.index(helped)] = gain.gain

    def gain_text(row: int, column: int) -> str:
        gain = found.gains.get((tasks[row], tasks[column]))
        return UNKNOWN if gain is None else f"{_percent(gain.gain, 1)} ± {100 * gain.error:.1f}"

    shown = {
        COSINE: (seen.cosine, lambda row, column: f"{seen.cosine[row, column]:.2f}"),
        LOOKAHEAD: (seen.lookahead, lambda row, column: _percent(float(seen.lookahead[row, column]), 2)),
    }
    return {GAIN: (gains, gain_text), **shown} if found.gains else shown


def _percent(share: float, places: int) -> str:
    """Write a share in percent with its sign; without one where it is rounded to 0."""
    text = f"{100 * share:+.{places}f}"
    return text if float(text) else text[1:]


def _heat(tasks: Sequence[str], values: np.ndarray, text: Callable[[int, int], str], most: float | None) -> Table:
    """Shade each cell by its value beside `most`; None: beside the largest one of two different tasks."""
    apart = np.abs(values[~np.eye(len(tasks), dtype=bool)])
    most = float(np.nanmax(apart, initial=1e-12)) if most is None else most
    rows = []
    for row, helper in enumerate(tasks):
        cells = [Cell(helper, title=helper)]
        for column, helped in enumerate(tasks):
            value, title = values[row, column], f"{helper} for {helped}: {text(row, column)}"
            share = 0.0 if np.isnan(value) or row == column else float(abs(value)) / most
            css = ("wrong" if value < 0 else "right") + (" full" if share > FULL else "")
            cells.append(Cell(text(row, column), css, title, share))
        rows.append(cells)
    return Table((CORNER, *(Cell(name, title=name) for name in tasks)), rows, "confusion short")
