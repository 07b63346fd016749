"""The whole report: one file that needs no network, runs no script and is readable on a phone."""

from __future__ import annotations

from collections.abc import Iterator

from headstart.drawing.blocks import Page, Section
from headstart.drawing.draw import draw
from headstart.evaluation.report import (
    embedding,
    examples,
    figures,
    gain,
    labels,
    overview,
    protocol,
    results,
    search,
    seen,
)
from headstart.evaluation.report.facts import Facts, TargetFacts


def render(facts: Facts) -> str:
    """Write the report of a run: the result first, then what explains it, then how it was made.

    Args:
        facts: What there is to say.

    Returns:
        HTML. Its size is bounded: long tables and clouds of points are cut, and say so.
    """
    sections = [
        *(section for found in facts.targets for section in _result(facts, found)),
        Section("What the transfer gained", gain.gained(facts)),
        Section("Would more labels help?", labels.more_labels(facts)),
        Section("Learning curves", figures.learning_curves(facts)),
        *(section for found in facts.targets for section in _named(found, early=False)),
        Section("How far apart the domains are", embedding.apart(facts)),
        Section("Embedding map", embedding.embedding_map(facts)),
        Section("What the network sees", seen.seen(facts)),
        Section("The data", protocol.data(facts)),
        Section("What was learnt from what", protocol.learnt(facts)),
        Section("How it was chosen", protocol.choices(facts)),
        Section("What was searched through", search.found(facts.search)),
        Section("What moved, what stayed frozen", protocol.moved(facts)),
        Section("Cost", protocol.cost(facts)),
        Section("Recipe", protocol.recipe(facts)),
        Section("How to run again", protocol.again(facts)),
    ]
    shown = [section for section in sections if section.blocks]
    return str(draw(Page(f"{facts.folder}: report", overview.title(facts), overview.top(facts), shown)))


def _result(facts: Facts, found: TargetFacts) -> Iterator[Section]:
    """Tell of one target what came out: examples, its early sections, the worst mistakes, the figures."""
    yield Section(f"Examples{found.suffix}", examples.examples(facts, found))
    yield from _named(found, early=True)
    yield Section(f"Worst mistakes{found.suffix}", examples.mistakes(facts, found))
    if found.metrics:
        yield Section(f"Metrics{found.suffix}", results.metrics(found))
    if facts.folds:
        yield Section("Cross-validation", results.folds(facts.folds, found))


def _named(found: TargetFacts, *, early: bool) -> Iterator[Section]:
    """Give the target's own sections of one kind, with its name where there are several targets."""
    for section in found.sections():
        if section.early == early:
            yield Section(f"{section.title}{found.suffix}", section.blocks)
