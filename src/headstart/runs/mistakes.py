"""The rows that a model got most wrong, with their pictures or texts, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from headstart.core.types import Task
from headstart.data.rows import Rows
from headstart.evaluation.report.facts import Mistake
from headstart.evaluation.thresholds import decide
from headstart.inputs import by_name

MOST = 12
MOST_LABELS = 6  # of a multi-label row


def worst(
    task: Task, rows: Rows, predictions: np.ndarray, thresholds: Mapping[str, float]
) -> tuple[int, list[Mistake]]:
    """Find the wrong rows that are furthest from their label.

    Args:
        task: What was predicted.
        rows: Labelled rows.
        predictions: Their calibrated probabilities [N, C] or values [N, T].
        thresholds: By which classes are decided.

    Returns:
        How many rows are wrong (for a regression, all of them), and the worst of them, the worst one first.
    """
    assert rows.y is not None
    y, p = rows.y, predictions.astype(np.float64)
    if task.kind == "regression":
        wrong = np.arange(len(rows))
        distance = (np.abs(p - y) / np.maximum(y.std(axis=0), 1e-12)).mean(axis=1)
    else:
        decided = decide(task, predictions, thresholds)
        if task.kind == "multilabel":
            wrong = np.flatnonzero((decided != y).any(axis=1))
            distance = -np.log(np.clip(np.where(y == 1, p, 1 - p), 1e-12, 1)).mean(axis=1)
        else:
            wrong = np.flatnonzero(decided != y)
            distance = -np.log(np.clip(np.take_along_axis(p, y[:, None], axis=1)[:, 0], 1e-300, 1))
    show = by_name(task.modality).preview
    order = wrong[np.argsort(-distance[wrong], kind="stable")][:MOST]
    shown: list[Any] = [
        {**_words(task, y[i], p[i], thresholds), "id": rows.ids[i], **show(rows.inputs[i], task.inputs)} for i in order
    ]
    return len(wrong), shown


def _words(task: Task, y: Any, p: np.ndarray, thresholds: Mapping[str, float]) -> Mistake:
    if task.kind == "regression":
        names = task.labels if len(task.labels) > 1 else ("",)
        label, guess = ("; ".join(f"{n} {v:.4g}".strip() for n, v in zip(names, row, strict=True)) for row in (y, p))
        off = "; ".join(f"{n} {v:+.3g}".strip() for n, v in zip(names, p - y, strict=True))
        return {"id": "", "label": label, "prediction": guess, "how": f"off by {off}, in the unit of the label"}
    decided = decide(task, p[None], thresholds)[0]
    if task.kind == "multilabel":
        wrong = np.flatnonzero(decided != y)
        how = ", ".join(f"{task.classes[c]} {p[c]:.0%}" for c in wrong[:MOST_LABELS])
        return {"id": "", "label": _names(task, y), "prediction": _names(task, decided), "how": f"probability: {how}"}
    how = f"probability {p[decided]:.1%}; of its label {p[int(y)]:.1%}"
    return {"id": "", "label": task.classes[int(y)], "prediction": task.classes[int(decided)], "how": how}


def _names(task: Task, flags: np.ndarray) -> str:
    found = [task.classes[c] for c in np.flatnonzero(flags)]
    return (", ".join(found[:MOST_LABELS]) + (", …" if len(found) > MOST_LABELS else "")) or "none"
