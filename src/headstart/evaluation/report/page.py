"""The whole report: one file that needs no network, runs no script and is readable on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from headstart.drawing.html import Markup, classed, tag
from headstart.drawing.style import CSS
from headstart.evaluation.report import figures, overview, results, transfer
from headstart.evaluation.report.facts import Facts

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # no script runs, nothing is fetched


def render(facts: Facts) -> str:
    """Write the report of a run.

    Args:
        facts: What there is to say.

    Returns:
        HTML. Its size is bounded: long tables and clouds of points are cut, and say so.
    """
    sections: list[tuple[str, Markup | None]] = [
        ("What was learnt from what", overview.learnt(facts)),
        ("The data", overview.data(facts)),
        *_measured(facts),
        ("Learning curves", figures.learning_curves(facts)),
        ("Embedding map", figures.embedding_map(facts)),
        *((f"Worst mistakes{found.suffix}", transfer.mistakes(facts, found)) for found in facts.targets),
        ("What moved, what stayed frozen", transfer.moved(facts)),
        ("Cost", overview.cost(facts)),
        ("Recipe", overview.recipe(facts)),
        ("How to run again", overview.again(facts)),
    ]
    shown = _anchored((title, content) for title, content in sections if content)
    links = [tag("a", title, attributes={"href": f"#{anchor}"}) for anchor, title, _ in shown]
    body = [tag("section", tag("h2", title), content, attributes={"id": anchor}) for anchor, title, content in shown]
    head = [
        tag("meta", attributes={"charset": "utf-8"}),
        tag("meta", attributes={"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        tag("meta", attributes={"http-equiv": "Content-Security-Policy", "content": POLICY}),
        tag("title", f"{facts.folder}: report"),
        tag("style", Markup(CSS)),
    ]
    page = tag(
        "html",
        tag("head", *head),
        tag("body", tag("main", overview.headline(facts), classed("nav", "contents", *links), *body)),
        attributes={"lang": "en"},
    )
    return f"<!doctype html>\n{page}\n"


def _measured(facts: Facts) -> Iterator[tuple[str, Markup]]:
    """Make what is said of each target: its metrics, and its own sections."""
    for found in facts.targets:
        if found.metrics:
            yield f"Metrics{found.suffix}", results.metrics(found)
        if facts.folds:
            yield "Cross-validation", results.folds(facts.folds, found)
        for title, content in found.sections():
            yield f"{title}{found.suffix}", content


def _anchored(sections: Iterable[tuple[str, Markup]]) -> list[tuple[str, str, Markup]]:
    """Put before each section the name that links to it; no two are the same."""
    found: dict[str, tuple[str, str, Markup]] = {}
    for title, content in sections:
        base = re.sub(r"[^a-z]+", "-", title.lower()).strip("-")
        anchor = base if base not in found else f"{base}-{len(found)}"
        found[anchor] = (anchor, title, content)
    return list(found.values())
