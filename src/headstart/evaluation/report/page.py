"""The whole report: one file that needs no network, runs no script and is readable on a phone."""

from __future__ import annotations

import re

from headstart.evaluation.report import figures, overview, results, transfer
from headstart.evaluation.report.facts import Facts
from headstart.drawing.html import Markup, classed, join, tag
from headstart.drawing.style import CSS

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # no script runs, nothing is fetched


def render(facts: Facts) -> str:
    """Write the report of a run.

    Args:
        facts: What there is to say.

    Returns:
        HTML. Its size is bounded: long tables and clouds of points are cut, and say so.
    """
    split = facts.split
    sections: list[tuple[str, Markup | None]] = [
        ("What was learnt from what", overview.learnt(facts)),
        ("The data", overview.data(facts)),
        ("Metrics", results.metrics(facts) if split else None),
        ("Cross-validation", results.folds(dict(facts.folds), facts) if facts.folds else None),
        ("By class" if facts.task.classes else "By target", results.by_class(facts, split) if split else None),
        ("Confusion matrix", results.confusion(facts, split) if split else None),
        ("Predictions", figures.regression(facts, split) if split else None),
        ("Calibration", _calibration(facts, split) if split else None),
        ("Learning curves", figures.learning_curves(facts)),
        ("Embedding map", figures.embedding_map(facts)),
        ("Worst mistakes", transfer.mistakes(facts)),
        ("What moved, what stayed frozen", transfer.moved(facts)),
        ("Cost", overview.cost(facts)),
        ("Recipe", overview.recipe(facts)),
        ("How to run again", overview.again(facts)),
    ]
    shown = [(_anchor(title), title, content) for title, content in sections if content]
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


def _calibration(facts: Facts, split: str) -> Markup | None:
    drawn = figures.calibration(facts, split)
    return join([results.chosen(facts), drawn, _where(facts, split)]) if drawn else None


def _where(facts: Facts, split: str) -> Markup:
    seen = (
        " These rows also chose the temperature, so that it looks a little better here."
        if split == "validation" and facts.calibration.temperature is not None
        else ""
    )
    return classed("p", "soft", f"Measured on {split} rows; on the dashed line, probabilities are right.{seen}")


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z]+", "-", title.lower()).strip("-")
