"""Runs side by side as one page: their figures in charts, how they differ from the first one, and in which settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from headstart.drawing.blocks import Cell, Drawing, Drawings, Heading, Notes, Page, Section, Table, Words, left
from headstart.drawing.charts import Forest, Measured
from headstart.drawing.draw import draw
from headstart.drawing.text import UNKNOWN, words
from headstart.evaluation.results import Comparison, Interval
from headstart.evaluation.tables import interval_text, metric_rows

MOST_SIGNS = 34  # of a run's name in a chart


@dataclass(frozen=True)
class Side:
    """One target of all runs. metrics: by run. comparisons: for each run but the first, how it differs from it."""

    name: str
    primary: str
    metrics: Mapping[str, Mapping[str, Interval]]
    comparisons: Mapping[str, Comparison]
    units: Mapping[str, str]


@dataclass(frozen=True)
class Sides:
    """All that the page tells. settings: each that differs, by run; rows: how many were measured."""

    split: str
    rows: int
    targets: Sequence[Side]
    settings: Mapping[str, Mapping[str, str]]

    @property
    def runs(self) -> list[str]:
        """The runs, the first of which is the baseline."""
        return list(self.targets[0].metrics)


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
        sections += [Section(f"Figures{of}", _charts(side)), Section(f"Differences{of}", _differences(side))]
        sections.append(Section(f"All metrics{of}", [metrics_table(side)]))
    sections.append(Section("What differs", _settings(sides)))
    names = short_names(sides.runs)
    title = f"{len(names)} runs on the same {sides.rows:,} {sides.split} rows"
    top: list[Any] = [Words(line, "headline") for side in sides.targets for line in said(side)]
    if len(names) > 2:
        told = f"{len(names) - 1} comparisons with one baseline: intervals and p values are not adjusted for that."
        top.append(Words(told, "soft"))
    if sides.split == "validation":
        top.append(Words("The validation rows chose the step of each run: these figures are optimistic.", "warning"))
    return str(draw(Page("Comparison of runs", title, top, sections)))


def said(side: Side) -> list[str]:
    """Say of each run but the first whether it is ahead of the first by the primary metric.

    Args:
        side: One target of the runs.

    Returns:
        A sentence for each.
    """
    names, found = short_names(list(side.metrics)), []
    first = next(iter(side.metrics))
    for run, comparison in side.comparisons.items():
        change = comparison.differences[side.primary]
        told = f"{names[run]} against {names[first]}: {words(side.primary)}"
        size, bounds = interval_text(change)
        if change.value is None or change.low is None or change.high is None:
            found.append(f"{told} {size} apart.")
            continue
        gain = change.value if comparison.higher_is_better[side.primary] else -change.value
        known = f"{'+' if change.value > 0 else ''}{size} ({bounds})"
        ahead = "ahead" if gain > 0 else "behind"
        chance = change.low <= 0 <= change.high
        found.append(f"{told} {known}: {'no more than chance' if chance else ahead}.")
    return found


def metrics_table(side: Side) -> Table:
    """Make the table of every metric of every run with its interval.

    Args:
        side: One target of the runs.

    Returns:
        The table.
    """
    names = short_names(list(side.metrics))
    heads = [Cell(names[run], title=run) for run in side.metrics]
    rows = []
    for metric in _metrics(side):
        cells = [_interval(side.metrics[run].get(metric, Interval(None))) for run in side.metrics]
        rows.append((words(metric), *cells, left(side.units.get(metric, ""))))
    return Table(("metric", *heads, left("unit")), rows, "metrics")


def short_names(runs: Sequence[str]) -> dict[str, str]:
    """Name runs by the ends of their folders that tell them apart.

    Args:
        runs: Folders.

    Returns:
        A name for each, all different.
    """
    parts = {run: PurePath(run).parts or (run,) for run in runs}
    for count in range(1, max(map(len, parts.values()), default=1) + 1):
        names = {run: "/".join(own[-count:]) for run, own in parts.items()}
        if len(set(names.values())) == len(runs):
            return names
    return {run: run for run in runs}


def _metrics(side: Side) -> list[str]:
    """List the metrics, the primary one first."""
    names = dict.fromkeys(metric for metrics in side.metrics.values() for metric in metrics)
    return sorted(names, key=lambda metric: metric != side.primary)


def _charts(side: Side) -> list[Any]:
    names = {run: _cut(name) for run, name in short_names(list(side.metrics)).items()}
    drawn = []
    for metric in _metrics(side):
        rows = [
            Measured(names[run], interval.value, interval.low, interval.high, _interval(interval))
            for run, metrics in side.metrics.items()
            for interval in [metrics.get(metric, Interval(None))]
            if interval.value is not None
        ]
        if rows:
            unit = side.units.get(metric, "")
            chart = Forest(rows, unit or words(metric), f"{words(metric)} by run")
            drawn.append(Drawing(words(metric), chart))
    told = "A line is the 95 % interval of one run. Lines that overlap may still differ: see the differences below."
    return [Words(told, "soft"), Drawings(drawn)]


def _differences(side: Side) -> list[Any]:
    names, first = short_names(list(side.metrics)), next(iter(side.metrics))
    parts: list[Any] = [Words(f"Each run minus {names[first]}, on the same resamples of the rows.", "soft")]
    for run, comparison in side.comparisons.items():
        rows = [(words(name), value, bounds) for name, value, bounds in metric_rows(comparison)]
        parts += [Heading(f"{names[run]} minus {names[first]}"), Table(("metric", "difference", "95 % interval"), rows)]
        if comparison.mcnemar is not None:
            test = comparison.mcnemar
            told = f"Rows right only in {names[first]}: {test.only_a:,}; only in {names[run]}: {test.only_b:,}. "
            parts.append(Words(f"{told}McNemar's exact test: p = {test.p:.3g}, two-sided."))
        if comparison.notes:
            parts.append(Notes(comparison.notes))
    return parts


def _settings(sides: Sides) -> list[Any]:
    names = short_names(sides.runs)
    if not sides.settings:
        return [Words("The recipes are the same.")]
    heads = [Cell(names[run], "left", title=run) for run in sides.runs]
    rows = [
        (setting, *(Cell(values.get(run, UNKNOWN), "words") for run in sides.runs))
        for setting, values in sides.settings.items()
    ]
    return [Table(("setting of the recipe", *heads), rows)]


def _interval(interval: Interval) -> str:
    value, bounds = interval_text(interval)
    return value if bounds == UNKNOWN else f"{value} ({bounds})"


def _cut(name: str) -> str:
    half = MOST_SIGNS // 2
    return name if len(name) <= MOST_SIGNS else f"{name[: half - 1]}…{name[-half:]}"
