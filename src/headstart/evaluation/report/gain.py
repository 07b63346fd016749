"""What the transfer gained: the run beside its baselines, in one table for each target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.drawing.blocks import Heading, Pairs, Table, Words
from headstart.drawing.text import words
from headstart.evaluation.report.facts import Facts
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import interval_text

NONE = "–"


def gained(facts: Facts) -> list[Any]:
    """Show the figures of the run and of its baselines, with the intervals of the differences; nothing without them."""
    gain = facts.run.get("gain")
    if not gain or not gain["measures"]:
        return []
    parts: list[Any] = [*map(Words, gain["said"])]
    for name in facts.task.predicted:
        keys = [key for split in ("validation", "test") if (key := facts.task.key(split, name)) in gain["measures"]]
        if len(facts.task.predicted) > 1:
            parts.append(Heading(name))
        parts += [Words(gain["alone"][key]) for key in keys if key in gain.get("alone", {})]
        parts.append(_table(gain, keys))
    named = [("what was trained" if gain["kept"] else "this run", gain["run"])]
    named += [(each["name"], each["what"]) for each in gain["baselines"]]
    kept = f", which is the baseline {gain['kept']}" if gain["kept"] else ""
    text = (
        f"Baselines learn the rows that the run learnt and move no pretrained weight. Gain: the run minus the baseline "
        f"on the same rows, with its 95% interval, paired. On test rows it is that of the saved model{kept}."
    )
    return [*parts, Pairs(named), Words(text, "soft")]


def _table(gain: Mapping[str, Any], keys: list[str]) -> Table:
    headings = [""]
    for key in keys:
        split, metric = key.partition(":")[0], words(gain["measures"][key]["metric"])
        better = "higher" if gain["measures"][key]["higher_is_better"] else "lower"
        headings += [f"{split} {metric} ({better} is better)", f"gain on {split} rows"]
    run = "what was trained" if gain["kept"] else "this run"
    rows = [(run, *_cells(gain, gain["metrics"], {}, keys))]
    for each in gain["baselines"]:
        name = f"{each['name']} (kept)" if each["name"] == gain["kept"] else each["name"]
        rows.append((name, *_cells(gain, each["metrics"], each["differences"], keys)))
    return Table(headings, rows)


def _cells(
    gain: Mapping[str, Any], metrics: Mapping[str, Any], differences: Mapping[str, Any], keys: list[str]
) -> list[str]:
    return [
        _cell(found[key][gain["measures"][key]["metric"]]) if key in found else NONE
        for key in keys
        for found in (metrics, differences)
    ]


def _cell(plain: Mapping[str, Any]) -> str:
    value, interval = interval_text(Interval(**plain))
    return value if interval == NONE else f"{value} ({interval})"
