"""Show some rows as a network sees them, and one row on its way into it, before any training."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headstart import views as known_views
from headstart.core import plugins, storage
from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.recipe import Recipe
from headstart.core.seeding import mix, numpy_generator
from headstart.core.told import told as described
from headstart.core.types import Event, Input, Listener, Target, silent
from headstart.data.read import read
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import make_transform, told_cut
from headstart.drawing.blocks import Card, Cards, Notes, Page, Section, Table, Words, left
from headstart.drawing.draw import draw
from headstart.inputs import CUT, PICTURE, TINY, WORDS, by_name
from headstart.models.offers import gather
from headstart.runs.choose import with_offer
from headstart.runs.network import load_backbone

ROWS = 6
ITSELF = "as it is"
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
            for view, seen in example["views"].items():
                lines += [f"  {view}: {seen[WORDS]}"] if WORDS in seen else []
                lines += [f"  cut: {seen[CUT]}"] if seen.get(CUT) else []
        return "\n".join([*lines, *self.notes, "", f"The way of {self.walked}", *self._steps()])

    def _steps(self) -> list[str]:
        width = max(len(name) for name, _ in self.steps)
        return [f"  {name:<{width}}  {told}" for name, told in self.steps]

    def _repr_html_(self) -> str:
        page = html.escape(self.page())
        return f'<iframe srcdoc="{page}" style="width:100%;height:{HEIGHT}px;border:0"></iframe>'

    def to_plain(self) -> dict[str, Any]:
        """Return the JSON object that `headstart show --json` prints last, without the pictures."""
        examples = [
            {**e, "views": {view: {k: v for k, v in s.items() if k != PICTURE} for view, s in e["views"].items()}}
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
        steps = Table(["step", "what it gave"], [[name, left(told)] for name, told in self.steps])
        sections = [
            Section("Examples", [Cards(_cards(example)) for example in self.examples]),
            Section("One row, step by step", [Words(self.walked, "soft"), steps]),
        ]
        notes = [Notes(self.notes)] if self.notes else []
        return str(draw(Page(title, title, notes, sections)))


def show(
    data: Any,
    *,
    source: str | None = None,
    surgery: Sequence[str] = (),
    views: Sequence[str] = (),
    rows: int = ROWS,
    recipe: Recipe | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    listen: Listener = silent,
) -> Shown:
    """Show some training rows as a network sees them: what the command `headstart show` does.

    Args:
        data: As for `read`, or a `Dataset`.
        source: The pretrained model; None takes the first one on this machine that fits such data.
        surgery: Operations on it, such as "adapt_input max_length=512".
        views: In which rows are shown, such as "weak"; by default all that show such data.
        rows: How many.
        recipe: A whole recipe, which the arguments here change.
        settings: Any other setting by its path, such as {"data.labels": "mood"}.
        seed: Decides which rows, and what is random in the views.
        listen: Is told what was inferred.

    Returns:
        The rows; a notebook shows the page.

    Raises:
        UsageError: A name or an option is wrong, or no source fits such data.
        DataError: Rows are wrong; all of them are named.
        SourceError: The source cannot be loaded.
    """
    if rows < 1:
        raise UsageError(f"{option('rows')} is how many rows are shown, at least 1; it is {rows}.")
    named = {"source": source, "seed": seed, **(settings or {})}
    plan = (recipe or Recipe()).with_settings({path: value for path, value in named.items() if value is not None})
    plan = plan.with_surgery(surgery)
    dataset = data if isinstance(data, Dataset) else read(data, plan.data, seed=plan.seed)
    for note in dataset.notes:
        listen(Event("note", note))
    train = dataset.splits["train"]
    if plan.source is None:
        offers = gather(dataset.task, train.inputs)
        if not offers:
            raise UsageError(
                f"No source offers a start for {dataset.task.modality} data. Name one with {option('source')}."
            )
        plan = with_offer(plan, offers[0])
        listen(Event("note", f"shown for {offers[0].source}; name another with {option('source')}"))
    backbone = load_backbone(plan, dataset, listen)
    expects = backbone.card.input
    cut = told_cut(list(dataset.splits.values()), expects)
    shown = list(views) or [name for name in plugins.names("views") if known_views.shows(name, type(expects))]
    places = np.sort(numpy_generator(plan.seed, "show").permutation(len(train))[:rows])
    first = train.take(places[:1])
    return Shown(
        source=backbone.card.name,
        of=len(train),
        notes=[cut] if cut else [],
        examples=[_example(train, int(place), expects, shown, dataset, plan.seed) for place in places],
        walked=str(first.ids[0]),
        steps=expects.walk(first.inputs),
    )


def _example(
    rows: Rows, place: int, expects: Input, views: Sequence[str], dataset: Dataset, seed: int
) -> dict[str, Any]:
    """Show one row in each view."""
    row = rows.take([place])
    labels = {name: _label(dataset.task.targets[name], own[0]) for name, own in row.labels.items()}
    said = [told if len(labels) == 1 else f"{name}: {told}" for name, told in labels.items()]
    seen = {ITSELF: by_name(dataset.task.modality).preview(row.inputs[0], dataset.task.inputs)}
    for view in views:
        transform = make_transform(expects, {"x": view})
        item = transform.prepare(row.inputs)[0]
        example = transform.example(item, "x", mix(seed, "show", place))
        seen[view] = expects.seen(example, row.inputs) or {WORDS: described(example)}
    return {"id": str(row.ids[0]), "label": ", ".join(said), "views": seen}


def _label(target: Target, label: Any) -> str:
    """Write a label as the report does."""
    count = len(target.classes)
    neutral = np.full(count, 1 / count) if count else np.asarray(label, dtype=np.float64).reshape(-1)
    return target.explain(label, neutral).label


def _cards(example: Mapping[str, Any]) -> list[Card]:
    found = []
    for view, seen in example["views"].items():
        lines = [("label", example["label"])] if example["label"] else []
        lines.append(("shown", view))
        lines += [("cut:", seen[CUT])] if seen.get(CUT) else []
        picture, tiny = seen.get(PICTURE, ""), seen.get(TINY, False)
        found.append(Card(example["id"], lines, picture=picture, tiny=tiny, text=seen.get(WORDS, "")))
    return found
