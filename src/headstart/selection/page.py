"""A ranking as one page: what each source gives for what it costs, in a picture and in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headstart.core import plugins
from headstart.drawing.blocks import Cell, Drawing, Heading, Page, Section, Table, Words, left
from headstart.drawing.charts import COLOURS, Axes, Chart, cloud, ratio_span, span, whiskers
from headstart.drawing.draw import draw
from headstart.drawing.text import UNKNOWN, words
from headstart.evaluation.tables import interval_text, number_text

if TYPE_CHECKING:
    from headstart.selection.look import Looked
    from headstart.selection.rank import Ranking

TEXT = "grey"  # of sources beyond the colours there are
HEADS = ("source", "rank", "probe", "95 % interval", "parameters", "s a pass", "s an epoch of full")


def render(ranking: Ranking) -> str:
    """Write the page.

    Args:
        ranking: What there is to say.

    Returns:
        HTML.
    """
    sections = [
        Section("What each gives for what it costs", [_picture(ranking)] if ranking.ranked else []),
        Section("Ranking", tables(ranking)),
        Section("Scores", _scores(ranking)),
        Section("Stages", _layers(ranking)),
        Section("Left out", _left_out(ranking)),
    ]
    title = f"{len(ranking.looked)} sources on {ranking.rows:,} labelled rows"
    top = [Words(line, "headline" if not place else "soft") for place, line in enumerate(ranking.said())]
    return str(draw(Page("Ranking of sources", title, top, [section for section in sections if section.blocks])))


def rows_of(ranking: Ranking) -> list[tuple[str, ...]]:
    """Make the rows of the table, the best first.

    Args:
        ranking: What there is to say.

    Returns:
        Cells under `HEADS`.
    """
    found = ranking.aggregate
    made = []
    for place, one in enumerate(ranking.ranked):
        assert found is not None and one.probe is not None and one.cost is not None
        low, high = int(found.low[place]), int(found.high[place])
        rank = f"{found.ranks[place]}" if low == high else f"{found.ranks[place]} ({low} to {high})"
        value, interval = interval_text(one.probe.figure)
        costs = (f"{seconds * ranking.of:,.1f}" for seconds in one.cost)
        made.append((ranking.names[str(one.offer)], rank, value, interval, f"{one.params:,}", *costs))
    return made


def tables(ranking: Ranking) -> list[Any]:
    """Make the table of a page or a notebook.

    Args:
        ranking: What there is to say.

    Returns:
        Blocks.
    """
    if not ranking.ranked:
        return _left_out(ranking)
    rows = [(_named(ranking, one), *cells) for one, (_, *cells) in zip(ranking.ranked, rows_of(ranking), strict=True)]
    told = (
        f"Probe: {words(ranking.metric)} of a solved linear layer on rows that it was not fitted on. A rank in "
        f"brackets is where it may be by the noise of {ranking.rows:,} rows. Seconds are measured here, for "
        f"{ranking.of:,} rows."
    )
    return [Table(HEADS, rows), Words(told, "soft")]


def _named(ranking: Ranking, one: Looked) -> Cell:
    """Name a source briefly; the whole name is shown when the mouse rests on it."""
    return Cell(ranking.names[str(one.offer)], title=str(one.offer))


def _picture(ranking: Ranking) -> Drawing:
    shown: list[tuple[float, float, float, float, str, str]] = []
    for place, one in enumerate(ranking.ranked):
        assert one.probe is not None and one.cost is not None
        figure = one.probe.figure
        value = figure.value or 0.0
        low, high = (value if end is None else end for end in (figure.low, figure.high))
        colour = COLOURS[place] if place < len(COLOURS) else TEXT
        shown.append((one.cost.look * 1000, value, low, high, colour, ranking.names[str(one.offer)]))
    axes = Axes(
        ratio_span([x for x, *_ in shown]),
        span([end for _, value, low, high, *_ in shown for end in (value, low, high)]),
        "milliseconds a row of a pass",
        words(ranking.metric),
        by_ratio=True,
    )
    marks = [whiskers(axes, [(x, low, high)], colour) for x, _, low, high, colour, _ in shown]
    marks.append(
        cloud(axes, [(x, y, colour, f"{name}: {y:.3f}, {x:.1f} ms a row") for x, y, _, _, colour, name in shown], 5)
    )
    legend = [(name, colour) for *_, colour, name in shown]
    return Drawing(
        f"{words(ranking.metric)} of the probe against its cost",
        Chart(axes, marks, "probe against cost"),
        legend=legend,
    )


def scores_of(ranking: Ranking) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Make the headings and rows of the table of scores, the last row of which has their weights; no rows without any.

    Args:
        ranking: What there is to say.

    Returns:
        Both.
    """
    found = ranking.aggregate
    names = [name for name in plugins.names("transferability") if any(name in one.scores for one in ranking.ranked)]
    if found is None or not names:
        return ("source",), []
    rows = [
        (
            ranking.names[str(one.offer)],
            *(number_text(one.scores[name]) if name in one.scores else UNKNOWN for name in names),
        )
        for one in ranking.ranked
    ]
    return ("source", *names), [*rows, ("weight", *(f"{found.weights.get(name, 0):.2f}" for name in names))]


def _scores(ranking: Ranking) -> list[Any]:
    (source, *names), rows = scores_of(ranking)
    if not rows:
        return []
    *own, weights = rows
    heads = [Cell(words(name), title=plugins.describe("transferability", name)) for name in names]
    told = (
        "Higher is better. The weight of a score is how far it orders these sources as the probe does (weighted "
        "Kendall tau, never below 0); the probe itself has weight 1."
    )
    shown = [(_named(ranking, one), *cells) for one, (_, *cells) in zip(ranking.ranked, own, strict=True)]
    return [Table((source, *heads), [*shown, weights]), Words(told, "soft")]


def _layers(ranking: Ranking) -> list[Any]:
    blocks: list[Any] = []
    for one in ranking.ranked:
        if one.layers:
            blocks += [Heading(ranking.names[str(one.offer)]), _stages(one)]
    if blocks:
        blocks.append(Words("Scores of what each stage gives, as its mean over places or tokens.", "soft"))
    return blocks


def _stages(one: Looked) -> Table:
    names = sorted({name for scores in one.layers.values() for name in scores})
    rows = [
        (stage, *(number_text(scores[name]) if name in scores else UNKNOWN for name in names))
        for stage, scores in one.layers.items()
    ]
    return Table(("stage", *names), rows)


def _left_out(ranking: Ranking) -> list[Any]:
    rows = [(_named(ranking, one), Cell(one.error, "words")) for one in ranking.looked if not one.ok]
    return [Table(("source", left("why")), rows)] if rows else []
