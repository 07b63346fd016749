"""The drawings of the report: learning curves, calibration, predicted against true, embedding map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.core.seeding import numpy_generator
from headstart.evaluation.calibration import calibration_bins
from headstart.evaluation.report.facts import Facts, Map, words
from headstart.evaluation.report.html import Markup, classed, join
from headstart.evaluation.report.svg import (
    GREY,
    PALETTE,
    Axes,
    chart,
    cloud,
    columns,
    curve,
    figure,
    guide,
    legend,
    span,
)

MOST_POINTS = 200  # on a curve
MOST_DOTS = 800  # in a cloud
MOST_TARGETS = 4
SHADES = ("#440154", "#3b528b", "#21918c", "#5ec962", "#d9c80b")  # low to high, after viridis


def learning_curves(facts: Facts) -> Markup | None:
    """Draw the training loss and the validation metric over the steps of all stages."""
    starts, total = [0.0], 0.0
    for number in range(len(facts.recipe.stages) - 1):
        total += max((entry["step"] for entry in facts.history if entry["stage"] == number), default=0)
        starts.append(total)
    drawn = []
    loss = _over_steps(facts.history, "loss", starts)
    if loss:
        axes = Axes(span((x for x, _ in loss), zero=True), span((y for _, y in loss), zero=True), "step", "loss")
        line = curve(axes, thin(loss), PALETTE[0], dots=len(loss) < 15)
        note = classed("p", "soft", _loss_unit(facts))
        drawn.append(
            figure("Training loss", chart(axes, [*_borders(axes, starts), line], "training loss by step"), note)
        )
    better = facts.higher_is_better
    names = [name for name in dict.fromkeys(k for entry in facts.history for k in entry) if name in better]
    for name in names:
        points = _over_steps(facts.history, name, starts)
        if points:
            axes = Axes(span((x for x, _ in points), zero=True), span(y for _, y in points), "step", words(name))
            line = curve(axes, thin(points), PALETTE[1], dots=len(points) < 40)
            best = (max if better[name] else min)(points, key=lambda point: point[1])
            back = "training went back to the weights of that step"
            note = classed("p", "soft", f"Best: {best[1]:.4g} at step {best[0]:.0f}; {back}.")
            picture = chart(axes, [*_borders(axes, starts), line], f"validation {name} by step")
            drawn.append(figure(f"Validation {words(name)}", picture, note))
    return classed("div", "figures", *drawn) if drawn else None


def _loss_unit(facts: Facts) -> str:
    """Name the unit of the training loss; numbers are learnt in deviations from their mean."""
    numbers = facts.task.kind == "regression"
    unit = "squared, in standard deviations of the training labels" if numbers else "in nats"
    return f"Mean over the last steps, as minimised: {unit}."


def calibration(facts: Facts, split: str) -> Markup | None:
    """Draw how often predictions of a given probability are right, and how many rows there are of each."""
    if facts.task.kind == "regression" or split not in facts.arrays:
        return None
    targets, probabilities = facts.arrays[split]
    if facts.task.kind == "multilabel":
        confidence, correct = probabilities.reshape(-1), targets.reshape(-1)
        said, rate, counted = "predicted probability of a label", "share of rows with the label", "labels"
    else:
        confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
        said, rate, counted = "probability of the likeliest class", "share of rows that are right", "rows"
    bins = calibration_bins(confidence, correct, bins=10)
    axes = Axes((0, 1), (0, 1), said, rate)
    bars = [(b.low, b.high, b.accuracy) for b in bins if b.accuracy is not None]
    dots = [(b.confidence, b.accuracy) for b in bins if b.confidence is not None and b.accuracy is not None]
    marks = [
        columns(axes, bars, PALETTE[0], 0.35),
        guide(axes, (0, 0), (1, 1)),
        curve(axes, dots, PALETTE[0], dots=True),
    ]
    plot = figure("Is the probability right?", chart(axes, marks, "calibration plot"))
    most = max(b.rows for b in bins)
    axes = Axes((0, 1), (0, most * 1.05), said, counted)
    counts = chart(axes, [columns(axes, [(b.low, b.high, b.rows) for b in bins], GREY, 1)], "rows by probability")
    return classed("div", "figures", plot, figure("How sure is it?", counts))


def regression(facts: Facts, split: str) -> Markup | None:
    """Draw predicted against true values, and the errors, for the first targets."""
    if facts.task.kind != "regression" or split not in facts.arrays:
        return None
    targets, predictions = facts.arrays[split]
    places = np.arange(len(targets))
    if len(places) > MOST_DOTS:
        places = np.sort(numpy_generator("report", len(places)).permutation(places)[:MOST_DOTS])
    drawn = []
    for place, name in enumerate(facts.task.labels[:MOST_TARGETS]):
        true, guessed = targets[:, place].astype(float), predictions[:, place].astype(float)
        ends = span([*true, *guessed])
        axes = Axes(ends, ends, f"true {name}", f"predicted {name}")
        dots = [(true[i], guessed[i], PALETTE[0]) for i in places]
        marks = [cloud(axes, dots, 2.5), guide(axes, (ends[0], ends[0]), (ends[1], ends[1]))]
        drawn.append(figure(f"Predicted against true: {name}", chart(axes, marks, "predicted against true values")))
        error = guessed - true
        edge = max(float(np.abs(error).max()), 1e-12)
        counts, edges = np.histogram(error, bins=21, range=(-edge, edge))
        axes = Axes((-edge, edge), (0, float(counts.max()) * 1.05), f"predicted minus true {name}", "rows")
        bars = list(zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True))
        drawn.append(figure(f"Errors: {name}", chart(axes, [columns(axes, bars, PALETTE[0])], "histogram of errors")))
    notes = []
    if len(targets) > MOST_DOTS:
        notes.append(
            classed("p", "soft", f"{MOST_DOTS} of {len(targets):,} rows are drawn, at random; errors: all rows.")
        )
    if len(facts.task.labels) > MOST_TARGETS:
        notes.append(classed("p", "soft", f"The first {MOST_TARGETS} of {len(facts.task.labels)} targets are drawn."))
    return join([classed("div", "figures", *drawn), *notes])


def embedding_map(facts: Facts) -> Markup | None:
    """Draw rows by the first two principal components of their features, before and after the transfer."""
    seen = facts.observed.get("map")
    if seen is None:
        return None
    numbers = facts.task.kind == "regression"
    colours = _shades(seen["groups"]) if numbers else [PALETTE[int(g) % len(PALETTE)] for g in seen["groups"]]
    views = [("Before: features of the source model", seen["before"])]
    if "after" in seen:
        views.append(("After the transfer", seen["after"]))
    drawn = []
    for (title, places), share in zip(views, seen["variance"], strict=False):
        axes = Axes(span(x for x, _ in places), span(y for _, y in places), "component 1", "component 2")
        dots = [(x, y, colour) for (x, y), colour in zip(places, colours, strict=True)]
        note = classed("p", "soft", f"These two components hold {share:.0%} of the variance.")
        drawn.append(figure(title, chart(axes, [cloud(axes, dots, 3.5)], title), note))
    return join([classed("div", "figures", *drawn), _map_legend(seen, numbers, facts.task.labels), _map_words(seen)])


def thin(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep at most `MOST_POINTS` of a curve's points, evenly, with the last one."""
    if len(points) <= MOST_POINTS:
        return list(points)
    places = np.unique(np.linspace(0, len(points) - 1, MOST_POINTS).round().astype(int))
    return [points[place] for place in places]


def _over_steps(history: Sequence[Any], key: str, starts: Sequence[float]) -> list[tuple[float, float]]:
    return [
        (starts[entry["stage"]] + entry["step"], entry[key])
        for entry in history
        if isinstance(entry.get(key), int | float) and math.isfinite(entry[key])
    ]


def _borders(axes: Axes, starts: Sequence[float]) -> list[Markup]:
    """Mark where a further stage begins."""
    return [guide(axes, (start, axes.y[0]), (start, axes.y[1])) for start in starts[1:]]


def _shades(values: Sequence[float]) -> list[str]:
    order = np.argsort(np.argsort(values)) / max(len(values), 1)
    return [SHADES[int(rank * len(SHADES))] for rank in order]


def _map_legend(seen: Map, numbers: bool, labels: Sequence[str]) -> Markup:
    if not numbers:
        return legend((name, PALETTE[place % len(PALETTE)]) for place, name in enumerate(seen["names"]))
    edges = np.quantile(seen["groups"], np.linspace(0, 1, len(SHADES) + 1))
    ranges = zip(edges[:-1], edges[1:], SHADES, strict=True)
    return legend((f"{labels[0]} {low:.3g} to {high:.3g}", colour) for low, high, colour in ranges)


def _map_words(seen: Map) -> Markup:
    still = "" if "after" in seen else " The backbone did not move, so that the map after the transfer is the same."
    note = f"{seen['rows']:,} {seen['split']} rows; each map has its own components (PCA, no unit).{still}"
    return classed("p", "soft", note)
