"""How a search found source and method: what was tried, why it was kept or dropped, and when the best was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.drawing.blocks import Cell, Drawing, Table, Words, left
from headstart.drawing.charts import COLOURS, Axes, Chart, curve, span
from headstart.drawing.text import UNKNOWN, words

HEADS = ("tried", "how far", "figure", "seconds", "what became of it")


def rows(plain: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Make the rows of the table, in the order in which things were tried.

    Args:
        plain: What `search.json` holds.

    Returns:
        Cells under `HEADS`.
    """
    return [
        (one["name"], one["reached"], one["figure"] or UNKNOWN, f"{one['seconds']:.1f}", one["verdict"])
        for one in plain["tried"]
    ]


def said(plain: Mapping[str, Any]) -> list[str]:
    """Write what was chosen and what was spent, in sentences."""
    budget = "no end" if plain["budget"] is None else f"a budget of {plain['budget']:.0f} s"
    spent = f"Searching took {plain['spent']:.0f} s of {budget}."
    return [f"Chosen: {plain['chosen']['name']}, {plain['chosen']['why']}.", spent, *plain["notes"]]


def found(plain: Mapping[str, Any] | None) -> list[Any]:
    """Draw the section of the report.

    Args:
        plain: What `search.json` holds; None where nothing was searched for.

    Returns:
        Blocks; none where there is nothing to draw.
    """
    if plain is None:
        return []
    table = [
        (Cell(name, "words"), left(reached), Cell(figure, "words"), seconds, Cell(verdict, "words"))
        for name, reached, figure, seconds, verdict in rows(plain)
    ]
    heads = [left(head) if place != 3 else head for place, head in enumerate(HEADS)]
    blocks: list[Any] = [*map(Words, said(plain)), Table(heads, table)]
    best = [(at, value) for at, value in plain["best"] if value is not None]
    if len(best) > 1:
        steps: list[tuple[float, float]] = []
        for (at, value), (until, _) in zip(best, [*best[1:], (plain["spent"], 0.0)], strict=True):
            steps += [(at, value), (until, value)]
        axes = Axes(
            span([at for at, _ in steps], zero=True),
            span([value for _, value in steps]),
            "seconds",
            words(plain["metric"]),
        )
        chart = Chart(axes, [curve(axes, steps, COLOURS[0])], "best so far against time")
        blocks.append(Drawing("Best so far, against time", chart))
    return blocks
