"""The learning curves of all stages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.drawing.blocks import Drawing, Drawings, Notes, Words
from headstart.drawing.charts import COLOURS, Axes, Chart, Marks, curve, guide, span
from headstart.drawing.text import words
from headstart.evaluation.quick import MEAN_LOSS
from headstart.evaluation.report.facts import Facts

MOST_POINTS = 200  # on a curve
COUNTS = ("stage", "step", "seconds")  # of an entry of the history; what else an evaluation holds is its score
VALIDATION_LOSS = "validation_loss"
SOLVED = "solve"  # the optimiser of a stage without steps


def learning_curves(facts: Facts) -> list[Any]:
    """Draw the losses, and what steps were chosen by, over the steps of all stages."""
    stages = facts.recipe.stages
    if all(stage.optimiser == SOLVED for stage in stages):
        rows = facts.observed["rows"].get("train", 0)
        return [Words(f"The head was solved on all {rows:,} training rows at once: there are no steps to draw.")]
    starts, total = [0.0], 0.0
    for number in range(len(stages) - 1):
        total += max((entry["step"] for entry in facts.history if entry["stage"] == number), default=0)
        starts.append(total)
    drawn = _losses(facts, starts)
    better = {name: flag for found in facts.targets for name, flag in found.higher_is_better.items()}
    scored = [entry for entry in facts.history if "loss" not in entry]
    names = dict.fromkeys(key for entry in scored for key in entry)
    for name in names:
        points = _over_steps(facts.history, name, starts)
        if points and name not in (*COUNTS, VALIDATION_LOSS, MEAN_LOSS):
            axes = Axes(span((x for x, _ in points), zero=True), span(y for _, y in points), "step", words(name))
            line = curve(axes, thin(points), COLOURS[1], dots=len(points) < 40)
            notes = [_best(points, higher=better[name])] if name in better else []
            picture = Chart(axes, [*_borders(axes, starts), line], f"validation {name} by step")
            drawn.append(Drawing(f"Validation {words(name)}", picture, notes))
    if not drawn:
        return []
    endings = [f"Stage {number + 1}: {text}" for number, text in enumerate(facts.run.get("endings", ()))]
    if len(endings) == 1:
        endings = [endings[0].partition(": ")[2]]
    return [Drawings(drawn), *([Notes(endings)] if endings else [])]


def _losses(facts: Facts, starts: Sequence[float]) -> list[Drawing]:
    """Draw the training loss and the validation loss together."""
    training = _over_steps(facts.history, "loss", starts)
    validation = _over_steps(facts.history, VALIDATION_LOSS, starts) or _over_steps(facts.history, MEAN_LOSS, starts)
    both = [*training, *validation]
    if not both:
        return []
    axes = Axes(span((x for x, _ in both), zero=True), span((y for _, y in both), zero=True), "step", "loss")
    named = [("training", training, COLOURS[0]), ("validation", validation, COLOURS[1])]
    named = [entry for entry in named if entry[1]]
    lines = [curve(axes, thin(points), colour, dots=len(points) < 15) for _, points, colour in named]
    picture = Chart(axes, [*_borders(axes, starts), *lines], "loss by step")
    notes = [_loss_unit(facts), *([f"Validation: {_best(validation, higher=False).lower()}"] if validation else [])]
    return [Drawing("Loss", picture, notes, [(name, colour) for name, _, colour in named])]


def _best(points: Sequence[tuple[float, float]], *, higher: bool) -> str:
    best = (max if higher else min)(points, key=lambda point: point[1])
    return f"Best: {best[1]:.4g} at step {best[0]:.0f}."


def _loss_unit(facts: Facts) -> str:
    """Name the units of the training losses of all targets."""
    units = ", ".join(dict.fromkeys(found.target.loss_unit for found in facts.targets))
    return "Training: mean over the last steps, with penalties" + (f"; {units}." if units else ".")


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


def _borders(axes: Axes, starts: Sequence[float]) -> list[Marks]:
    """Mark where a further stage begins."""
    return [guide(axes, (start, axes.y[0]), (start, axes.y[1])) for start in starts[1:]]
