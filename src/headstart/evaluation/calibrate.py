"""What is chosen on validation rows after training, and kept with the model: a temperature and thresholds.

The temperature moves no decision of the likeliest class, so accuracy stays as it is. It is fitted where there are
validation rows enough (`FEWEST_ROWS`) and mistakes among them (`FEWEST_ERRORS`): without mistakes the likeliest
temperature is 0, which would claim certainty.

Thresholds are chosen for multi-label tasks, class by class, and for binary tasks whose rarer class has less than
`IMBALANCED` of the rows; each from at least `FEWEST_POSITIVES` rows of its class. Each is the one with the highest
F1 of the (rarer) class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headstart.core.types import Task
from headstart.evaluation.calibration import (
    apply_label_temperature,
    apply_temperature,
    fit_label_temperature,
    fit_temperature,
)
from headstart.evaluation.thresholds import USUAL, choose_thresholds, decide

FEWEST_ROWS = 50
FEWEST_ERRORS = 5
FEWEST_POSITIVES = 10
IMBALANCED = 0.2  # share of the rarer class below which a binary task gets a threshold


@dataclass(frozen=True)
class Calibration:
    """What a model's probabilities go through. `temperature` None leaves them; `thresholds` are by class.

    `rows` counts the validation rows that it was chosen on; `notes` say why something was not chosen.
    """

    temperature: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    rows: int = 0
    notes: tuple[str, ...] = ()

    def apply(self, task: Task, outputs: np.ndarray) -> np.ndarray:
        """Scale probabilities [N, C]; values of a regression pass through."""
        if self.temperature is None:
            return outputs
        scale = apply_label_temperature if task.kind == "multilabel" else apply_temperature
        return scale(outputs, self.temperature)

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, safe for JSON."""
        return {
            "temperature": self.temperature,
            "thresholds": dict(self.thresholds),
            "rows": self.rows,
            "notes": list(self.notes),
        }


def calibrate(task: Task, targets: np.ndarray, outputs: np.ndarray) -> Calibration:
    """Choose temperature and thresholds on validation rows, never on test rows.

    Args:
        task: What was predicted.
        targets: Labels of the validation rows, [N] or [N, C].
        outputs: Their probabilities as the network gives them, [N, C].

    Returns:
        What was chosen; for a regression, nothing.
    """
    if task.kind == "regression":
        return Calibration()
    rows = len(targets)
    if rows < FEWEST_ROWS:
        return Calibration(rows=rows, notes=(f"not calibrated: {rows} validation rows, fewer than {FEWEST_ROWS}",))
    temperature, notes = _temperature(task, targets, outputs)
    scaled = Calibration(temperature).apply(task, outputs)
    thresholds, more = _thresholds(task, targets, scaled)
    return Calibration(temperature, thresholds, rows, (*notes, *more))


def _temperature(task: Task, targets: np.ndarray, outputs: np.ndarray) -> tuple[float | None, list[str]]:
    errors = int((decide(task, outputs) != targets).sum())
    if errors < FEWEST_ERRORS:
        return None, [f"no temperature: {errors} mistakes on validation, fewer than {FEWEST_ERRORS}"]
    fit = fit_label_temperature if task.kind == "multilabel" else fit_temperature
    return fit(outputs, targets), []


def _thresholds(task: Task, targets: np.ndarray, outputs: np.ndarray) -> tuple[dict[str, float], list[str]]:
    if task.kind == "multilabel":
        support = targets.sum(axis=0)
        found = choose_thresholds(task, targets, outputs)
        enough = {c: bool(n >= FEWEST_POSITIVES) for c, n in zip(task.classes, support, strict=True)}
        rare = [name for name, fine in enough.items() if not fine]
        shown = ", ".join(rare[:10]) + (", …" if len(rare) > 10 else "")
        notes = (
            [f"threshold {USUAL} for classes of fewer than {FEWEST_POSITIVES} validation rows: {shown}"] if rare else []
        )
        return {name: value if enough[name] else USUAL for name, value in found.items()}, notes
    if task.kind != "binary":
        return {}, []
    counts = np.bincount(targets, minlength=2)
    rarer = int(counts.argmin())
    if counts[rarer] >= IMBALANCED * len(targets):
        return {}, []
    if counts[rarer] < FEWEST_POSITIVES:
        return {}, [
            f"no threshold: {counts[rarer]} validation rows of '{task.classes[rarer]}', fewer than {FEWEST_POSITIVES}"
        ]
    if rarer == 1:
        return choose_thresholds(task, targets, outputs), []
    # thresholds are of the second class: choose for the first as if it were the second, and turn the result over
    turned = choose_thresholds(task, 1 - targets, outputs[:, ::-1])[task.classes[1]]
    return {task.classes[1]: 1.0 - turned}, []
