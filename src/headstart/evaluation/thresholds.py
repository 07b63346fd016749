"""Decide from probabilities, and choose on validation rows the thresholds to decide with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from headstart.core.errors import UsageError, unknown
from headstart.core.types import Task
from headstart.evaluation.checks import checked

USUAL = 0.5


def decide(task: Task, predictions: np.ndarray, thresholds: Mapping[str, float] | None = None) -> np.ndarray:
    """Turn probabilities into decisions.

    Args:
        task: A task with classes.
        predictions: Probabilities [N, C].
        thresholds: By class, as `choose_thresholds` gives them: a class is decided from there on. None takes
            the likeliest class, for multi-label tasks 0.5.

    Returns:
        Classes [N], for multi-label tasks [N, C] of 0 and 1; int64.

    Raises:
        UsageError: A threshold is for a class that has none.
    """
    if task.kind == "multiclass" or (task.kind == "binary" and not thresholds):
        if thresholds:
            raise UsageError("Thresholds are for binary and multi-label tasks; this one is multi-class.")
        return predictions.argmax(axis=1)
    given = thresholds or {}
    classes = _classes(task)
    for name in given:
        if name not in classes:
            raise unknown("class with a threshold called", name, classes)
    limits = np.array([given.get(name, USUAL) for name in classes])
    decided = (predictions[:, -len(classes) :] >= limits).astype(np.int64)
    return decided[:, 0] if task.kind == "binary" else decided


def choose_thresholds(task: Task, targets: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Choose for each class the threshold with the highest F1, on validation rows and never on test rows.

    Equally good thresholds are settled by the nearest to 0.5; a class without a positive row keeps 0.5.

    Args:
        task: A binary task (the positive class is the second) or a multi-label one.
        targets: Labels of the validation rows, [N] or [N, C].
        predictions: Their probabilities, [N, C].

    Returns:
        Thresholds by class, plain data for `decide`.

    Raises:
        UsageError: The task is of another kind.
    """
    if task.kind not in ("binary", "multilabel"):
        raise UsageError(f"Thresholds are for binary and multi-label tasks; this one is {task.kind}.")
    y, p = checked(task, targets, predictions)
    classes = _classes(task)
    positives = y.reshape(len(y), -1)
    return {
        name: _best_threshold(positives[:, place], p[:, place - len(classes)]) for place, name in enumerate(classes)
    }


def _classes(task: Task) -> tuple[str, ...]:
    return task.classes[1:] if task.kind == "binary" else task.classes


def _best_threshold(positive: np.ndarray, score: np.ndarray) -> float:
    if not positive.any():
        return USUAL
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True))  # rows of equal score are decided together
    hits = np.cumsum(positive[order])[ends]
    f1 = 2 * hits / (ends + 1 + positive.sum())
    lowest = ranked[ends]  # the lowest score that is still decided as the class
    following = np.append(lowest[1:], 0.0)
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    # any threshold in (following, lowest] decides alike: take 0.5 where it lies there, else the middle of the gap
    middle = (following[best] + lowest[best]) / 2
    candidates = np.where((following[best] < USUAL) & (lowest[best] >= USUAL), USUAL, middle)
    return float(candidates[np.abs(candidates - USUAL).argmin()])
