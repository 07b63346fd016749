"""Tables of metrics: those of each split, and of a cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.drawing.html import Left, Markup, classed, join, table, tag
from headstart.drawing.text import UNKNOWN, number_text, words
from headstart.evaluation.report.facts import TargetFacts
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import interval_text


def metrics(found: TargetFacts) -> Markup:
    """Show every metric of every split with its interval and unit."""
    splits = list(found.metrics)
    first = found.metrics[splits[0]]
    names = sorted(first["metrics"], key=lambda name: name != first["primary"])
    headings = ["metric"]
    for split in splits:
        entry = found.metrics[split]
        headings += [f"{split} ({entry['rows']:,}\N{NO-BREAK SPACE}rows)", f"{entry['level']:.0%} interval"]
    rows = []
    for name in names:
        cells = [text for split in splits for text in interval_text(Interval(**found.metrics[split]["metrics"][name]))]
        better = "↑" if found.higher_is_better[name] else "↓"
        rows.append((f"{words(name)}\N{NO-BREAK SPACE}{better}", *cells, Left(found.unit(name))))
    notes = [(split, note) for split in splits for note in found.metrics[split]["notes"]]
    how = "↑ higher is better, ↓ lower. Intervals: percentile bootstrap over rows; they do not cover training anew."
    parts = [table((*headings, Left("unit")), rows, "metrics"), classed("p", "soft", how)]
    if notes:
        parts.append(classed("ul", "notes", *(tag("li", f"{split}: {note}") for split, note in notes)))
    return join(parts)


def folds(plain: Mapping[str, Any], found: TargetFacts) -> Markup:
    """Show the cross-validation: mean over folds with its interval, and all out-of-fold predictions together."""
    together = plain["out_of_fold"]["metrics"]
    rows = []
    for name, interval in plain["mean"].items():
        value, bounds = interval_text(Interval(**interval))
        of_all = number_text(together[name]["value"]) if name in together else UNKNOWN
        rows.append((words(name), value, bounds, of_all, Left(found.unit(name))))
    times = f", {plain['repeats']} times" if plain["repeats"] > 1 else ""
    how = (
        f"{plain['k']} folds{times} over {plain['rows']:,} rows; test rows are in no fold. "
        "Intervals: Student's t with the corrected variance of Nadeau & Bengio (2003), cut at what a metric can be. "
        "The model saved here was trained on the rows of all folds, as the recipe says."
    )
    headings = ("metric", "mean over folds", "95% interval", "out-of-fold rows together", Left("unit"))
    return join([table(headings, rows), classed("p", "soft", how)])
