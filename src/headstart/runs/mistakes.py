"""Rows of a split with what the model gave for them, as plain data: the worst mistakes, and some of all rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from headstart.core.seeding import numpy_generator
from headstart.core.types import Task
from headstart.data.rows import Rows
from headstart.evaluation.report.facts import Example
from headstart.inputs import by_name

MOST = 12
MOST_RIGHT, MOST_WRONG = 5, 3  # of the rows that are drawn at random

Explain = Callable[[Sequence[int]], Sequence[Mapping[str, Any]]]


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
    shown = [_shown(task, name, rows, outputs, thresholds, place) for place in chosen]
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
    found: list[Example] = []
    for place, verdict in chosen:
        one = _shown(task, name, rows, outputs, thresholds, place)
        found.append({**one, "verdict": verdict} if verdict else one)
    return found


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
    task: Task, name: str, rows: Rows, outputs: np.ndarray, thresholds: Mapping[str, float], place: int
) -> Example:
    told = task.targets[name].explain(rows.labels[name][place], outputs[place].astype(np.float64), thresholds)
    show: Any = by_name(task.modality).preview(rows.inputs[place], task.inputs)
    return Example(label=told.label, prediction=told.prediction, how=told.how, id=rows.ids[place], **show)
