"""The drawings of the report that are of no target: learning curves, embedding map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.drawing.html import Markup, classed, join
from headstart.drawing.svg import PALETTE, Axes, chart, cloud, curve, figure, guide, legend, span
from headstart.drawing.text import words
from headstart.evaluation.quick import MEAN_LOSS
from headstart.evaluation.report.facts import Facts, Map

MOST_POINTS = 200  # on a curve
COUNTS = ("stage", "step", "seconds")  # of an entry of the history; what else an evaluation holds is its score
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
    better = {name: flag for found in facts.targets for name, flag in found.higher_is_better.items()}
    better |= {MEAN_LOSS: False}
    scored = [entry for entry in facts.history if "loss" not in entry]
    names = [name for name in dict.fromkeys(k for entry in scored for k in entry) if name not in COUNTS]
    for name in names:
        points = _over_steps(facts.history, name, starts)
        if points:
            axes = Axes(span((x for x, _ in points), zero=True), span(y for _, y in points), "step", words(name))
            line = curve(axes, thin(points), PALETTE[1], dots=len(points) < 40)
            notes = [_best(points, higher=better[name])] if name in better else []
            picture = chart(axes, [*_borders(axes, starts), line], f"validation {name} by step")
            drawn.append(figure(f"Validation {words(name)}", picture, *notes))
    return classed("div", "figures", *drawn) if drawn else None


def _best(points: Sequence[tuple[float, float]], *, higher: bool) -> Markup:
    best = (max if higher else min)(points, key=lambda point: point[1])
    back = "training went back to the weights of that step"
    return classed("p", "soft", f"Best: {best[1]:.4g} at step {best[0]:.0f}; {back}.")


def _loss_unit(facts: Facts) -> str:
    """Name the units of the training losses of all targets."""
    units = ", ".join(dict.fromkeys(found.target.loss_unit for found in facts.targets))
    return "Mean over the last steps, as minimised" + (f": {units}." if units else ".")


def embedding_map(facts: Facts) -> Markup | None:
    """Draw rows by the first two principal components of their features, before and after the transfer."""
    seen = facts.observed.get("map")
    if seen is None:
        return None
    numbers = not seen["names"]
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
    return join([classed("div", "figures", *drawn), _map_legend(seen, facts), _map_words(seen, facts)])


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


def _map_legend(seen: Map, facts: Facts) -> Markup:
    if seen["names"]:
        return legend((name, PALETTE[place % len(PALETTE)]) for place, name in enumerate(seen["names"]))
    edges = np.quantile(seen["groups"], np.linspace(0, 1, len(SHADES) + 1))
    column = facts.targets[0].target.columns[0]
    ranges = zip(edges[:-1], edges[1:], SHADES, strict=True)
    return legend((f"{column} {low:.3g} to {high:.3g}", colour) for low, high, colour in ranges)


def _map_words(seen: Map, facts: Facts) -> Markup:
    still = "" if "after" in seen else " The backbone did not move, so that the map after the transfer is the same."
    by = f" Coloured by {facts.targets[0].name}." if len(facts.targets) > 1 else ""
    note = f"{seen['rows']:,} {seen['split']} rows; each map has its own components (PCA, no unit).{still}{by}"
    return classed("p", "soft", note)
