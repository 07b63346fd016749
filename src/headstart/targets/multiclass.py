"""One of several classes a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.errors import UsageError
from headstart.targets._class_outcomes import ClassOutcomes


@dataclass(frozen=True)
class Multiclass(ClassOutcomes):
    """One of several classes a row.

    columns: of the table, that hold the labels. classes: the class list, by name.
    """

    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    # labels: read, encoded, learnt

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one example."""
        return len(self.classes)

    # what comes out: decisions, figures, tables, report

    title: ClassVar[str] = "multi-class classification"

    def decide(self, outputs: np.ndarray, thresholds: Mapping[str, float] | None = None) -> np.ndarray:
        """Decide for the likeliest class, [N]; thresholds are refused."""
        if thresholds:
            raise UsageError("Thresholds are for binary and multi-label tasks; this one is multi-class.")
        return outputs.argmax(axis=1)

    def choose_thresholds(self, labels: np.ndarray, outputs: np.ndarray) -> tuple[dict[str, float], tuple[str, ...]]:
        """Choose none."""
        return {}, ()
