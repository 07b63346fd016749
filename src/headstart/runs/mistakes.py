"""Rows of a split with what the model gave for them, as plain data: the worst mistakes, and some of all rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypedDict

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.seeding import numpy_generator
from headstart.core.types import Calibration, Task
from headstart.data.rows import Rows
from headstart.evaluation.report.facts import Example
from headstart.inputs import HEAT, MARKED, by_name
from headstart.models.model import Model
from headstart.runs.evidence import explained

MOST = 12
MOST_RIGHT, MOST_WRONG = 5, 3  # of the rows that are drawn at random

Explain = Callable[[Sequence[int]], Sequence[Mapping[str, Any]]]


class Answers(TypedDict):
    """Those of `Observed`."""

    mistakes: list[Example] | dict[str, list[Example]]
    wrong: int | dict[str, int]
    examples: dict[str, list[Example]]


NO_ANSWERS: Answers = {"mistakes": [], "wrong": 0, "examples": {}}


def answers(
    model: Model,
    task: Task,
    rows: Rows,
    outputs: Mapping[str, np.ndarray],
    calibrations: Mapping[str, Calibration],
    seed: int,
    notes: list[str],
) -> Answers:
    """Show what the model answered, for all targets.

    Args:
        model: Explains its mistakes.
        task: What was predicted.
        rows: Labelled rows of one split.
        outputs: Calibrated outputs [N, outputs], by target.
        calibrations: By target; classes are decided by their thresholds.
        seed: Decides which rows are shown as examples.
        notes: Takes what could not be explained.

    Returns:
        Plain data for `report.json`.
    """
    wrong: dict[str, int] = {}
    mistakes: dict[str, list[Example]] = {}
    examples: dict[str, list[Example]] = {}
    for name in rows.predicted(task):
        own = outputs[name][rows.places(name)]
        given = (task, name, rows.of(name), own, calibrations[name].thresholds)
        examples[name] = some(*given, seed)
        wrong[name], mistakes[name] = worst(*given, partial(_explained, notes, model, *given))
    if len(task.targets) > 1:
        return {"mistakes": mistakes, "wrong": wrong, "examples": examples}
    (name,) = examples
    return {"mistakes": mistakes[name], "wrong": wrong[name], "examples": examples}


def _explained(
    notes: list[str],
    model: Model,
    task: Task,
    name: str,
    rows: Rows,
    outputs: np.ndarray,
    thresholds: Mapping[str, float],
    places: Sequence[int],
) -> list[dict[str, Any]]:
    """Explain mistakes where that is possible: gradients may need more memory than there is, and end no run."""
    if not task.targets[name].pooled:
        return [{} for _ in places]  # no single number decides about the whole example
    try:
        return explained(model, task, name, rows, places, outputs, thresholds)
    except (HeadstartError, RuntimeError, MemoryError) as error:
        notes.append(f"the mistakes are not explained: {error}")
        return [{} for _ in places]


def worst(
    task: Task, name: str, rows: Rows, outputs: np.ndarray, thresholds: Mapping[str, float], explain: Explain
) -> tuple[int, list[Example]]:
    """Find the wrong rows that are furthest from their label.

    Args:
        task: What was predicted.
        name: Name of the target.
        rows: Labelled rows.
        outputs: Its calibrated probabilities [N, C] or values [N, T].
        thresholds: By which classes are decided.
        explain: Tells what spoke for the answers of the rows at these places.

    Returns:
        How many rows are wrong (for numbers, all of them), and the worst of them, the worst one first.
    """
    places = task.targets[name].mistakes(rows.labels[name], outputs, thresholds)
    chosen = [int(place) for place in places[:MOST]]
    more = explain(chosen) if chosen else []
    shown = _shown(task, name, rows, outputs, thresholds, chosen)
    return len(places), [{**one, **told} for one, told in zip(shown, more, strict=True)]  # pyright: ignore[reportReturnType]


def some(
    task: Task, name: str, rows: Rows, outputs: np.ndarray, thresholds: Mapping[str, float], seed: int
) -> list[Example]:
    """Draw rows at random, a few that are right and a few that are wrong, of different classes where there are some.

    Args:
        task: What was predicted.
        name: Name of the target.
        rows: Labelled rows.
        outputs: Its calibrated probabilities [N, C] or values [N, T].
        thresholds: By which classes are decided.
        seed: Decides which.

    Returns:
        The rows, right ones first, each with its verdict; of numbers none is right or wrong.
    """
    target, labels = task.targets[name], rows.labels[name]
    order = numpy_generator(seed, "examples").permutation(len(rows))
    if target.decide(outputs[:1], thresholds) is None:
        chosen = [(int(place), "") for place in order[: MOST_RIGHT + MOST_WRONG]]
    else:
        is_wrong = np.zeros(len(rows), dtype=bool)
        is_wrong[target.mistakes(labels, outputs, thresholds)] = True
        groups = target.colours(labels).groups
        wrong = _varied(order[is_wrong[order]], groups, MOST_WRONG)
        right = _varied(order[~is_wrong[order]], groups, MOST_RIGHT + MOST_WRONG - len(wrong))
        chosen = [*((place, "right") for place in right), *((place, "wrong") for place in wrong)]
    shown = _shown(task, name, rows, outputs, thresholds, [place for place, _ in chosen])
    verdicts = [verdict for _, verdict in chosen]
    return [{**one, "verdict": verdict} if verdict else one for one, verdict in zip(shown, verdicts, strict=True)]


def _varied(places: np.ndarray, groups: np.ndarray, most: int) -> list[int]:
    """Take the first of each class, then the second of each, until there are enough."""
    if not len(places):
        return []
    turns: dict[Any, int] = {}
    ranks = []
    for place in places.tolist():
        group = groups[place].item()
        ranks.append(turns.get(group, 0))
        turns[group] = ranks[-1] + 1
    return [int(places[i]) for i in np.argsort(ranks, kind="stable")[:most]]


def _shown(
    task: Task, name: str, rows: Rows, outputs: np.ndarray, thresholds: Mapping[str, float], places: Sequence[int]
) -> list[Example]:
    target, labels = task.targets[name], rows.labels[name]
    shown: list[Example] = []
    for place, told in zip(places, target.explain_rows(labels, outputs, places, thresholds), strict=True):
        kind = by_name(task.modality)
        show: Any = kind.preview(rows.inputs[place], task.inputs)
        size = kind.size_of(rows.inputs[place])
        if size is not None and (lies_over := target.overlay(labels[place], outputs[place], size, thresholds)):
            show[HEAT] = lies_over
        if lines := target.marked(rows.inputs[place], labels[place], outputs[place], thresholds):
            show = {MARKED: lines}
        shown.append(Example(label=told.label, prediction=told.prediction, how=told.how, id=rows.ids[place], **show))
    return shown
