"""Check labels and predictions before anything is measured on them."""

from __future__ import annotations

import numpy as np

from headstart.core.errors import DataError, Problem
from headstart.core.types import Task

SUM_TOLERANCE = 1e-2  # rows of half-precision probabilities sum to 1 only about


def checked(task: Task, targets: np.ndarray, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check the arrays and give them as int64 (classes) and float64.

    Args:
        task: What was predicted.
        targets: [N] classes, [N, C] of 0 and 1 multi-label, [N, T] regression.
        predictions: [N, C] probabilities or [N, T] values.

    Returns:
        Targets and predictions.

    Raises:
        DataError: A shape is wrong, there is no row, or rows hold impossible values; every such row is listed.
    """
    y, p = np.asarray(targets), np.asarray(predictions, dtype=np.float64)
    single = task.kind in ("binary", "multiclass")
    width = task.outputs
    shape = f"[N, {width}]"
    if p.ndim != 2 or p.shape[1] != width:
        raise DataError(f"Predictions of this {task.kind} task have the shape {shape}; got {list(p.shape)}.")
    if y.shape != (p.shape[:1] if single else p.shape):
        expected = f"[{len(p)}]" if single else f"[{len(p)}, {width}]"
        raise DataError(f"Labels for {len(p)} predictions have the shape {expected}; got {list(y.shape)}.")
    if not len(p):
        raise DataError("There is no row to evaluate on.")
    problems = [*_labels(task, y), *_predictions(task, p)]
    if problems:
        raise DataError("Labels or predictions cannot be evaluated:", problems)
    return (y.astype(np.float64) if task.kind == "regression" else y.astype(np.int64)), p


def _labels(task: Task, y: np.ndarray) -> list[Problem]:
    if task.kind == "regression":
        wrong, mend = ~np.isfinite(y).all(axis=1), "labels must be finite numbers"
    elif task.kind == "multilabel":
        wrong, mend = ~np.isin(y, (0, 1)).all(axis=1), "labels are 0 or 1 for each class"
    else:
        wrong = ~np.isin(y, np.arange(len(task.classes)))
        mend = f"classes are whole numbers, 0 to {len(task.classes) - 1}"
    return [Problem(f"row {row}", f"label {y[row].tolist()}", mend) for row in np.flatnonzero(wrong)]


def _predictions(task: Task, p: np.ndarray) -> list[Problem]:
    wrong, what = ~np.isfinite(p).all(axis=1), "the model gave a value that is not finite"
    problems = [Problem(f"row {row}", f"prediction {p[row].tolist()}", what) for row in np.flatnonzero(wrong)]
    if task.kind == "regression" or problems:
        return problems
    wrong = ((p < 0) | (p > 1)).any(axis=1)
    mend = "probabilities lie in 0 to 1"
    if task.kind != "multilabel":
        wrong |= np.abs(p.sum(axis=1) - 1) > SUM_TOLERANCE
        mend += " and sum to 1; are these logits? Head.decode turns them into probabilities"
    return [Problem(f"row {row}", f"prediction {p[row].tolist()}", mend) for row in np.flatnonzero(wrong)]
