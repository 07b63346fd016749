"""The rows that a model got most wrong, with their pictures or texts, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from headstart.core.types import Task
from headstart.data.rows import Rows
from headstart.evaluation.report.facts import Mistake
from headstart.inputs import by_name

MOST = 12


def worst(
    task: Task, name: str, rows: Rows, outputs: np.ndarray, thresholds: Mapping[str, float]
) -> tuple[int, list[Mistake]]:
    """Find the wrong rows that are furthest from their label.

    Args:
        task: What was predicted.
        name: Name of the target.
        rows: Labelled rows.
        outputs: Its calibrated probabilities [N, C] or values [N, T].
        thresholds: By which classes are decided.

    Returns:
        How many rows are wrong (for numbers, all of them), and the worst of them, the worst one first.
    """
    target, labels = task.targets[name], rows.labels[name]
    places = target.mistakes(labels, outputs, thresholds)
    show = by_name(task.modality).preview
    shown: list[Any] = [
        {
            **target.explain(labels[i], outputs[i].astype(np.float64), thresholds)._asdict(),
            "id": rows.ids[i],
            **show(rows.inputs[i], task.inputs),
        }
        for i in places[:MOST]
    ]
    return len(places), shown
