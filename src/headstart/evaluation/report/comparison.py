"""Runs side by side as one page: their figures in charts, how they differ from the first one, and in which settings."""

from __future__ import annotations

from typing import Any

from headstart.core.words import option_of
from headstart.drawing.blocks import Cell, Drawing, Drawings, Heading, Notes, Page, Section, Table, Words, left
from headstart.drawing.charts import Forest, Measured
from headstart.drawing.draw import draw
from headstart.drawing.text import words
from headstart.evaluation.report.sides import Side, Sides, group_names

MOST_CHARACTERS = 34  # of a run's name in a chart


def render(sides: Sides) -> str:
    """Write the page.

    Args:
        sides: What there is to say.

    Returns:
        HTML.
    """
    sections = []
    for side in sides.targets:
        of = f": {side.name}" if len(sides.targets) > 1 else ""
        sections.append(Section(f"Figures{of}", _charts(side)))
        sections.append(Section(f"Differences{of}", _differences(side)))
        sections.append(Section(f"All metrics{of}", [metrics_table(side)]))
    sections.append(Section("What differs", _settings(sides)))
    runs = sum(map(len, sides.groups))
    title = f"{runs} runs on the same {sides.rows:,} {sides.split} rows"
    top: list[Any] = [Words(line, "headline") for side in sides.targets for line in side.said() or figures(side)]
    if len(sides.groups) > 2:
        told = (
            f"{len(sides.groups) - 1} comparisons with one baseline: intervals and p values are not adjusted for that."
        )
        top.append(Words(told, "soft"))
    if sides.split == "validation":
        top.append(Words("The validation rows chose the step of each run: these figures are optimistic.", "warning"))
    shown = [section for section in sections if section.blocks]
    return str(draw(Page("Comparison of runs", title, top, shown)))


def figures(side: Side) -> list[str]:
    """Write the primary metric of each group."""
    groups = zip(side.names, side.groups, strict=True)
    return [f"{name}: {words(side.primary)} {side.figure(group, side.primary).text}" for name, group in groups]


def metrics_table(side: Side) -> Table:
    """Make the table of every metric of every run, or group of runs.

    Args:
        side: One target of the runs.

    Returns:
        The table.
    """
    heads = [Cell(name, title=", ".join(group)) for name, group in zip(side.names, side.groups, strict=True)]
    rows = [
        (words(metric), *(side.figure(group, metric).text for group in side.groups), left(side.units.get(metric, "")))
        for metric in side.listed
    ]
    return Table(("metric", *heads, left("unit")), rows, "metrics")


def _charts(side: Side) -> list[Any]:
    names = [_cut(name) for name in side.names]
    drawn = []
    for metric in side.listed:
        rows = [
            Measured(name, found.value, found.low, found.high, found.text)
            for name, group in zip(names, side.groups, strict=True)
            for found in [side.figure(group, metric)]
            if found.value is not None
        ]
        if rows:
            unit = side.units.get(metric, "")
            drawn.append(Drawing(words(metric), Forest(rows, unit or words(metric), f"{words(metric)} by run")))
    single = "the 95 % interval of one run. Lines that overlap may still differ: see the differences below."
    told = f"A line is {single}"
    if any(len(group) > 1 for group in side.groups):
        told = (
            "Runs that differ in the seed alone are one row: the mean, and a line of one standard deviation each way."
        )
        if any(len(group) == 1 for group in side.groups):
            told = f"{told} Of a single run the line is {single}"
    return [Words(told, "soft"), Drawings(drawn)]


def _differences(side: Side) -> list[Any]:
    parts: list[Any] = []
    if len(side.groups) > 1 and all(len(group) == 1 for group in side.groups):
        parts.append(Words(f"Each run minus {side.names[0]}, on the same resamples of the rows.", "soft"))
    for difference in side.differences():
        rows = [(words(metric), *told) for metric, *told in difference.rows]
        parts += [Heading(difference.title), Table(("metric", "difference", "95 % interval"), rows)]
        parts += [*map(Words, difference.remarks), *([Notes(difference.notes)] if difference.notes else [])]
    return parts


def _settings(sides: Sides) -> list[Any]:
    if not sides.differing:
        return [Words("The recipes are the same.")]
    names = group_names(sides.groups)
    heads = [Cell(name, "left", title=", ".join(group)) for name, group in zip(names, sides.groups, strict=True)]
    rows = [(option_of(path), *(Cell(value, "words") for value in values)) for path, values in sides.differing]
    return [Table(("setting", *heads), rows)]


def _cut(name: str) -> str:
    half = MOST_CHARACTERS // 2
    return name if len(name) <= MOST_CHARACTERS else f"{name[: half - 1]}…{name[-half:]}"
