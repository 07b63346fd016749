"""Some training rows as a network sees them, and one row on its way into it, as data and as a page."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core import storage
from headstart.core.seeding import mix, numpy_generator
from headstart.core.told import told as described
from headstart.core.types import Card, Input, Target
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import Draw, make_transform
from headstart.drawing.blocks import Notes, Page, Section
from headstart.drawing.draw import draw
from headstart.evaluation.report import seen
from headstart.evaluation.report.facts import ITSELF, Seen
from headstart.inputs import CUT, PICTURE, SOUND, WORDS, by_name

ROWS = 3
HEIGHT = 700  # pixels of the page in a notebook


@dataclass(frozen=True)
class Shown:
    """Some rows as a network sees them. `print` writes them, `save` makes a page with the pictures.

    source: the network's name. of: how many training rows there are. notes: on the data. examples: of each row its
    name, label and what each view shows, as plain data. walked: the row whose way is told. steps: of its way, each
    with what it gave.
    """

    source: str
    of: int
    notes: Sequence[str]
    examples: Sequence[Mapping[str, Any]]
    walked: str
    steps: Sequence[tuple[str, str]]

    def __repr__(self) -> str:
        views = len(self.examples[0]["views"]) - 1
        seen = f" in {views} views" if views > 1 else ""
        return f"<{len(self.examples)} of {self.of:,} rows as {self.source} sees them{seen}; save(path) makes a page>"

    def __str__(self) -> str:
        lines = [f"{len(self.examples)} of {self.of:,} training rows as {self.source} sees them"]
        for example in self.examples:
            lines.append(f"{example['id']} ({example['label']})" if example["label"] else example["id"])
            for view, one in example["views"].items():
                lines += [f"  {view}: {one[WORDS]}"] if WORDS in one else []
                lines += [f"  cut: {one[CUT]}"] if one.get(CUT) else []
        return "\n".join([*lines, *self.notes, "", f"The way of {self.walked}", *self._steps()])

    def _steps(self) -> list[str]:
        width = max(len(name) for name, _ in self.steps)
        return [f"  {name:<{width}}  {told}" for name, told in self.steps]

    def _repr_html_(self) -> str:
        page = html.escape(self.page())
        return f'<iframe srcdoc="{page}" style="width:100%;height:{HEIGHT}px;border:0"></iframe>'

    def whole(self) -> Seen:
        """Return all of it as plain data, with the pictures."""
        return {
            "of": self.of,
            "examples": list(self.examples),
            "walked": self.walked,
            "steps": list(self.steps),
        }

    def to_plain(self) -> dict[str, Any]:
        """Return the JSON object that `headstart show --json` prints last, without pictures and sounds."""
        examples = [
            {
                **e,
                "views": {
                    view: {k: v for k, v in s.items() if k not in (PICTURE, SOUND)} for view, s in e["views"].items()
                },
            }
            for e in self.examples
        ]
        steps = [{"step": name, "gave": told} for name, told in self.steps]
        return {
            "source": self.source,
            "rows": self.of,
            "notes": list(self.notes),
            "examples": examples,
            "walked": self.walked,
            "steps": steps,
        }

    def save(self, path: str | Path) -> Path:
        """Write the page, one file that needs no network."""
        storage.write_text(Path(path), self.page())
        return Path(path)

    def page(self) -> str:
        """Draw the page."""
        title = f"{len(self.examples)} of {self.of:,} rows as {self.source} sees them"
        found = self.whole()
        sections = [
            Section("Examples", seen.examples(found["examples"])),
            Section("One row, step by step", seen.way(found)),
        ]
        notes = [Notes(self.notes)] if self.notes else []
        return str(draw(Page(title, title, notes, sections)))


def look(
    dataset: Dataset, card: Card, views: Sequence[str], *, seed: int, rows: int = ROWS, notes: Sequence[str] = ()
) -> Shown:
    """Look at some training rows as a network sees them.

    Args:
        dataset: All rows, of which a few are opened.
        card: Of the network.
        views: In which they are shown.
        seed: Decides which rows, and what is random in the views.
        rows: How many.
        notes: On the data.

    Returns:
        The rows.
    """
    train, expects = dataset.splits["train"], card.input
    places = np.sort(numpy_generator(seed, "show").permutation(len(train))[:rows])
    first = train.take(places[:1])
    return Shown(
        source=card.name,
        of=len(train),
        notes=notes,
        examples=[_example(train, int(place), expects, views, dataset, seed) for place in places],
        walked=str(first.ids[0]),
        steps=expects.walk(first.inputs),
    )


def _example(
    rows: Rows, place: int, expects: Input, views: Sequence[str], dataset: Dataset, seed: int
) -> dict[str, Any]:
    """Show one row in each view."""
    row = rows.take([place])
    labels = {name: _label(dataset.task.targets[name], row.labels[name][0]) for name in row.targets}
    said = [told if len(labels) == 1 else f"{name}: {told}" for name, told in labels.items()]
    shown = {ITSELF: by_name(dataset.task.modality).preview(row.inputs[0], dataset.task.inputs)}
    for view in views:
        transform = make_transform(expects, {"x": view})
        item = transform.prepare(row.inputs)[0]
        example = transform.example(item, "x", Draw(0, mix(seed, "show", place)))
        shown[view] = expects.seen(example, row.inputs) or {WORDS: described(example)}
    return {"id": str(row.ids[0]), "label": ", ".join(said), "views": shown}


def _label(target: Target, label: Any) -> str:
    """Write a label as the report does."""
    if not target.pooled:
        return target.explain(label, target.as_outputs([label])[0]).label
    count = len(target.classes)
    neutral = np.full(count, 1 / count) if count else np.asarray(label, dtype=np.float64).reshape(-1)
    return target.explain(label, neutral).label
