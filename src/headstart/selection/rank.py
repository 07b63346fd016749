"""Rank sources for a task: each is looked at once, and what was seen becomes one table."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core import plugins, storage
from headstart.core.counting import counted
from headstart.core.errors import SourceError, UsageError, first_few
from headstart.core.interface import option
from headstart.core.offer import Offer
from headstart.core.recipe import Recipe
from headstart.core.seeding import numpy_generator
from headstart.core.types import Event, Listener, silent
from headstart.data.rows import Dataset, Rows, concatenate
from headstart.drawing.draw import draw
from headstart.drawing.text import number_text, words
from headstart.evaluation.report.sides import short_names
from headstart.features.frozen import KnownFeatures
from headstart.models.offers import sizes_of
from headstart.runs.begin import begin
from headstart.runs.features import known_features
from headstart.runs.network import Loaded
from headstart.selection.aggregate import Aggregate, aggregate
from headstart.selection.look import EVIDENCE, Looked, best_layer, look, told
from headstart.selection.sources import expand

MOST_ROWS = 500  # that sources are looked at on, where it is not said
OVER = "the budget was used up"


@dataclass(frozen=True, repr=False)
class Ranking:
    """Sources in the order in which they are worth trying.

    looked: those with a probe first, the best first. aggregate: of these, in the same order; None where there are none.
    rows: that were looked at, of `of`. metric: of the probe's figure. spent: seconds.
    """

    looked: Sequence[Looked]
    aggregate: Aggregate | None
    rows: int
    of: int
    metric: str
    spent: float

    @property
    def best(self) -> Looked:
        """The first. SourceError: no source could be used."""
        if self.aggregate is None:
            first = self.looked[0]
            raise SourceError(
                f"No source of {len(self.looked)} could be used; {first.offer}: {first.error}. "
                f"Name others: {option('sources')} (headstart list sources)."
            )
        return self.looked[0]

    @property
    def names(self) -> Mapping[str, str]:
        """A short name for each source: of paths the ends that tell them apart."""
        return short_names([str(one.offer) for one in self.looked])

    @property
    def ranked(self) -> Sequence[Looked]:
        """Those with a rank."""
        return [one for one in self.looked if one.ok]

    def __repr__(self) -> str:
        """Say which is first, and how sure that is."""
        return "\n".join(self.said())

    def _repr_html_(self) -> str:
        """Show the table in a notebook."""
        from headstart.selection.page import tables

        return draw([tables(self)])

    def said(self) -> list[str]:
        """Write the result in sentences."""
        if self.aggregate is None:
            return ["No source could be used."]
        over = [one for one in self.looked if one.error == OVER]
        best = self.ranked[0]
        assert best.probe is not None
        rivals = [
            self.names[str(one.offer)]
            for place, one in enumerate(self.ranked)
            if place and self.aggregate.low[place] <= self.aggregate.high[0]
        ]
        lines = [f"First: {best.offer}, {words(self.metric)} of its probe {told(best.probe)}."]
        if rivals:
            lines.append(f"By {self.rows:,} rows it cannot be told from {first_few(rivals)}.")
        if over:
            seen = counted(len(self.looked) - len(over), "sources", len(self.looked))
            lines.append(f"Looked at {seen}: {OVER}. Give more ({option('budget')}) or fewer rows ({option('rows')}).")
        told_best = [(one, stage) for one in self.ranked if (stage := best_layer(one))]
        if told_best:
            told_of = first_few(f"{self.names[str(one.offer)]} {_of_stages(one, stage)}" for one, stage in told_best)
            lines.append(f"The stage whose features tell most, by ridge: {told_of}.")
            one, stage = told_best[0]
            if stage != list(one.layers)[-1]:
                lines.append(
                    f"Keep {self.names[str(one.offer)]} up to there: {option('surgery', f'cut after={stage}')}"
                )
        return lines

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, safe for JSON."""
        found = self.aggregate
        plain = []
        for place, one in enumerate(self.looked):
            ranked = (
                {}
                if found is None or not one.ok
                else {
                    "rank": int(found.ranks[place]),
                    "rank_interval": [int(found.low[place]), int(found.high[place])],
                    "points": round(float(found.points[place]), 4),
                }
            )
            plain.append({"source": str(one.offer), **ranked, **_plain(one)})
        return {
            "rows": self.rows,
            "metric": self.metric,
            "weights": {} if found is None else {name: round(weight, 4) for name, weight in found.weights.items()},
            "sources": plain,
            "seconds": round(self.spent, 2),
        }

    def save(self, path: str | Path) -> Path:
        """Write the page with the table and a picture of what each source gives for what it costs.

        Args:
            path: The file, such as "ranking.html".

        Returns:
            The same path.
        """
        from headstart.selection.page import render

        storage.write_text(Path(path), render(self))
        return Path(path)


def _of_stages(one: Looked, best: str) -> str:
    """Write what the best stage of a source gives beside its last: "blocks.5 (0.951; at its end 0.947)"."""
    *_, end = one.layers
    values = {stage: number_text(one.layers[stage][EVIDENCE]) for stage in (best, end)}
    beside = "" if best == end else f"; at its end {values[end]}"
    return f"{best} ({values[best]}{beside})"


def _plain(one: Looked) -> dict[str, Any]:
    if one.error:
        return {"error": one.error}
    probe, cost = one.probe, one.cost
    assert probe is not None and cost is not None
    return {
        "parameters": one.params,
        "probe": probe.figure.to_plain(),
        "scores": dict(one.scores),
        "layers": {stage: dict(scores) for stage, scores in one.layers.items()},
        "best_layer": best_layer(one),
        "seconds_per_row": {"pass": cost.look, "fine_tuning": cost.learn},
        "seconds": round(one.seconds, 3),
        "scoring_seconds": round(one.scoring, 4),
    }


def rank_sources(
    data: Any,
    recipe: Recipe,
    sources: Sequence[str] = (),
    *,
    layers: bool = False,
    rows: int = MOST_ROWS,
    budget: float | None = None,
    listen: Listener = silent,
) -> Ranking:
    """Look at sources, and rank them for a task. Test rows are never looked at.

    Features are kept on disk, so that a ranking that was stopped goes on where it was, and a later fit need not compute
    them again.

    Args:
        data: What `begin` takes.
        recipe: Says how the data is read; its seed draws the rows.
        sources: Names, patterns, or files of these; none asks what the sources offer for the data.
        layers: Whether each stage is scored too, which says where a network may be cut.
        rows: Most labelled rows to look at.
        budget: Seconds after which no other source is begun; the smallest are looked at first. None: no end.
        listen: Is told what goes on.

    Returns:
        The ranking.

    Raises:
        UsageError: A pattern meets no source, or there is nothing to predict.
        DataError: Rows are wrong.
        SourceError: No source could be used.
    """
    began = time.monotonic()
    begun = begin(data, recipe, listen)
    dataset, recipe = begun.dataset, begun.named_in(recipe)
    if not dataset.task.predicted:
        raise UsageError(
            "Sources are ranked by how well their features tell labels, and this data has none to predict."
        )
    if not all(target.pooled for target in dataset.task.predicted.values()):
        raise UsageError(
            "Sources are ranked by heads that are solved on their features, and the head that these labels need is "
            f"trained by steps: fit with each ({option('source')}), and compare the runs."
        )
    offers = expand(sources, dataset.task, dataset.splits["train"].inputs)
    some, of = labelled(dataset, recipe.seed, rows)
    listen(Event("note", f"{len(offers)} sources, looked at on {len(some):,} of {of:,} labelled rows"))
    found = look_at_all(
        recipe,
        dataset,
        offers,
        some,
        known_features(recipe, listen),
        listen,
        layers=layers,
        until=began + (budget or math.inf),
    )
    made = ranked(found, len(some), of, recipe.seed, time.monotonic() - began)
    assert made.best.ok
    return made


def look_at_all(
    recipe: Recipe,
    data: Dataset,
    offers: Sequence[Offer],
    rows: Rows,
    known: KnownFeatures,
    listen: Listener = silent,
    *,
    loaded: Loaded | None = None,
    layers: bool = False,
    until: float = math.inf,
) -> list[Looked]:
    """Look at each source on the same rows, those that are quick to read first; each failure is told, and is no end.

    Args:
        recipe: Takes the place of what the offers leave open.
        data: What the rows are of.
        offers: The sources.
        rows: Labelled rows.
        known: Features that need not be computed again; takes those that are.
        listen: Is told of each.
        loaded: Sources that need not be loaded again.
        layers: Whether each stage is scored.
        until: The time, by the monotonic clock, after which no other is begun.

    Returns:
        One for each offer.
    """
    sizes = sizes_of(offer.source for offer in offers)
    decoded = []  # transforms of equal inputs share what was decoded as long as one of them is there
    found = []
    for offer in sorted(offers, key=lambda offer: sizes[offer.source]):
        if any(one.ok for one in found) and time.monotonic() > until:
            found.append(Looked(offer, error=OVER))
            continue
        one, transform = look(recipe, data, offer, rows, known=known, loaded=loaded, layers=layers)
        decoded.append(transform)
        found.append(one)
        if one.probe is None:
            listen(Event("warning", f"{offer} is left out: {one.error}"))
        else:
            figure = f"{words(one.probe.metric)} of its probe {told(one.probe)}"
            listen(Event("detail", f"{offer}: {figure}, {one.seconds:.1f} s", {"source": str(offer)}))
    return found


def labelled(data: Dataset, seed: int, most: int) -> tuple[Rows, int]:
    """Draw labelled rows of training and validation, in their order; return them, and of how many they are."""
    rows = concatenate([data.splits[name] for name in ("train", "validation") if name in data.splits])
    if len(rows) <= most:
        return rows, len(rows)
    return rows.take(np.sort(order_of_rows(len(rows), seed)[:most])), len(rows)


def order_of_rows(count: int, seed: int) -> np.ndarray:
    """Return the places of labelled rows, of training and then of validation, in the order in which they are drawn."""
    return numpy_generator(seed, "rows to rank by").permutation(count)


def ranked(found: Sequence[Looked], rows: int, of: int, seed: int, spent: float) -> Ranking:
    """Put sources that were looked at in order.

    Args:
        found: In any order.
        rows: That they were looked at on.
        of: Of how many.
        seed: Of the draws that say how sure the order is.
        spent: Seconds.

    Returns:
        The ranking.
    """
    good, bad = [one for one in found if one.ok], [one for one in found if not one.ok]
    if not good:
        return Ranking(bad, None, rows, of, "", spent)
    names = [name for name in plugins.names("transferability") if any(name in one.scores for one in good)]
    scores = {name: [one.scores.get(name, math.nan) for one in good] for name in names}
    probes = [one.probe for one in good if one.probe is not None]
    made = aggregate(scores, [probe.score for probe in probes], seed=seed)
    small = np.array(
        [one.params for one in good]
    )  # not a measured time: equal ones would change places from run to run
    order = np.lexsort((small, -made.points))
    placed = Aggregate(made.points[order], made.ranks[order], made.low[order], made.high[order], made.weights)
    return Ranking([*(good[place] for place in order), *bad], placed, rows, of, probes[0].metric, spent)
