"""One of two classes a row; the second class is the positive one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.outcome import Calibration
from headstart.targets._classes import OneClass
from headstart.targets._decisions import FEWEST_POSITIVES, best_threshold, from_thresholds
from headstart.targets._infer import LabelCells

IMBALANCED = 0.2  # share of the rows below which a class is rare


@dataclass(frozen=True)
class Binary(OneClass):
    """One of two classes a row; the second class is the positive one."""

    # labels: read, encoded, learnt

    order: ClassVar[int] = 30
    most: ClassVar[int | None] = 2
    array_type: ClassVar[str] = "binary"

    @classmethod
    def fits(cls, labels: LabelCells) -> bool:
        """Return whether one column has two different names, or whole numbers of at most two values."""
        few = labels.distinct == 2 if labels.words else labels.distinct <= 2
        return len(labels.columns) == 1 and few

    # what comes out: decisions, figures, tables, report

    title: ClassVar[str] = "binary classification"

    def decide(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> np.ndarray:
        """Decide for the likelier class, [N], or for the second one from its threshold on."""
        if not thresholds:
            return outputs.argmax(axis=1)
        return from_thresholds(self.classes[1:], outputs[:, 1:], thresholds)[:, 0]

    def choose_thresholds(self, labels: np.ndarray, outputs: np.ndarray) -> tuple[dict[str, float], tuple[str, ...]]:
        """Choose the threshold with the highest F1 of the rarer class, where that class is rare."""
        counts = np.bincount(labels, minlength=2)
        rarer = int(counts.argmin())
        if not self._is_rare(labels):
            return {}, ()
        if counts[rarer] < FEWEST_POSITIVES:
            rows = f"{counts[rarer]} validation rows of '{self.classes[rarer]}'"
            return {}, (f"no threshold: {rows}, fewer than {FEWEST_POSITIVES}",)
        best = best_threshold(labels == rarer, outputs[:, rarer])
        return {self.classes[1]: best if rarer == 1 else 1.0 - best}, ()

    def selection(self, labels: np.ndarray) -> str:
        """Choose steps by AUROC where a class is rare.

        There, accuracy is best at first, when nothing is learnt and every row is the frequent class.
        """
        return "auroc" if self._is_rare(labels) else self.primary

    def threshold_text(self, calibration: Calibration) -> str:
        """Describe from which probability on the second class is decided."""
        if not calibration.thresholds:
            return ""
        ((name, limit),) = calibration.thresholds.items()
        text = f"The classes are of unequal size: a row is decided as '{name}' from a probability of {limit:.3f} on, "
        return text + f"the one with the highest F1 of the rarer class on {calibration.rows:,} validation rows."

    def _is_rare(self, labels: np.ndarray) -> bool:
        return bool(np.bincount(labels, minlength=2).min() < IMBALANCED * len(labels))
