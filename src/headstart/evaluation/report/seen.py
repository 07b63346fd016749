"""Some training rows as a network sees them, and one on its way into it: for the report and for `headstart show`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart.drawing.blocks import Card, Cards, Cell, Heading, Table, Words
from headstart.evaluation.report.facts import ITSELF, Facts, Seen
from headstart.inputs import CUT, PICTURE, SOUND, TINY, WORDS
from headstart.views import PLAIN


def seen(facts: Facts) -> list[Any]:
    """Show what the run took down of its first rows before training; nothing in a run of an earlier version."""
    found = facts.observed.get("shown")
    if found is None:
        return []
    told = f"{len(found['examples'])} of {found['of']:,} training rows, drawn at random, as they are and as the network"
    views = [view for view in found["examples"][0]["views"] if view not in (ITSELF, PLAIN)]
    by = f"; training shows them by {', '.join(views)}" if views else ""
    parts: list[Any] = [Words(f"{told} sees them: {PLAIN} in validation, test and prediction{by}.", "soft")]
    return [*parts, *examples(found["examples"]), Heading("One row, step by step"), *way(found)]


def examples(shown: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Draw of each row its name and label, and below what each view shows beside the others."""
    parts: list[Any] = []
    for example in shown:
        parts.append(Heading(f"{example['id']} ({example['label']})" if example["label"] else example["id"]))
        parts.append(Cards([_card(view, one) for view, one in example["views"].items()], small=True))
    return parts


def way(shown: Seen) -> list[Any]:
    """Draw the steps of one row into the network, each with what it gave."""
    steps = [[name, Cell(told, "words")] for name, told in shown["steps"]]
    return [Words(shown["walked"], "soft"), Table(["step", Cell("what it gave", "left")], steps)]


def _card(view: str, one: Mapping[str, Any]) -> Card:
    lines = [("cut:", one[CUT])] if one.get(CUT) else []
    return Card(
        view,
        lines,
        picture=one.get(PICTURE, ""),
        tiny=one.get(TINY, False),
        sound=one.get(SOUND, ""),
        text=one.get(WORDS, ""),
    )
