"""Tables of metrics: those of each split, and of a cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.drawing.blocks import Notes, Table, Words, left
from headstart.drawing.text import UNKNOWN, number_text, words
from headstart.evaluation.report.facts import TargetFacts
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import interval_text


def metrics(found: TargetFacts) -> list[Any]:
    """Show every metric of every split with its interval and unit."""
    splits = list(found.metrics)
    first = found.metrics[splits[0]]
    names = sorted(first["metrics"], key=lambda name: name != first["primary"])
    headings = ["metric"]
    for split in splits:
        entry = found.metrics[split]
        named = found.named(split)
        headings += [f"{named} ({entry['rows']:,}\N{NO-BREAK SPACE}rows)", f"{entry['level']:.0%} interval"]
    rows = []
    for name in names:
        cells = [text for split in splits for text in interval_text(Interval(**found.metrics[split]["metrics"][name]))]
        better = "↑" if found.higher_is_better[name] else "↓"
        rows.append((f"{words(name)}\N{NO-BREAK SPACE}{better}", *cells, left(found.unit(name))))
    kinds = ("notes", "details")  # before 0.2 there were no details
    notes = [(split, note) for split in splits for kind in kinds for note in found.metrics[split].get(kind, ())]
    how = "↑ higher is better, ↓ lower. Intervals are over rows; they do not cover training anew."
    parts: list[Any] = [Table((*headings, left("unit")), rows, "metrics"), Words(how, "soft")]
    if notes:
        parts.append(Notes([f"{split}: {note}" for split, note in notes]))
    return parts


def folds(plain: Mapping[str, Any], found: TargetFacts) -> list[Any]:
    """Show the cross-validation: mean over folds with its interval, and all out-of-fold predictions together."""
    together = plain["out_of_fold"]["metrics"]
    rows = []
    for name, interval in plain["mean"].items():
        value, bounds = interval_text(Interval(**interval))
        of_all = number_text(together[name]["value"]) if name in together else UNKNOWN
        rows.append((words(name), value, bounds, of_all, left(found.unit(name))))
    times = f", {plain['repeats']} times" if plain["repeats"] > 1 else ""
    how = (
        f"{plain['k']} folds{times} over {plain['rows']:,} rows; test rows are in no fold. "
        "Intervals: Student's t with the corrected variance of Nadeau & Bengio (2003), cut at what a metric can be. "
        "The model saved here was trained on the rows of all folds, as the recipe says."
    )
    headings = ("metric", "mean over folds", "95% interval", "out-of-fold rows together", left("unit"))
    return [Table(headings, rows), Words(how, "soft")]
