"""What targets of classes have in common: outputs are probabilities [N, C]."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from headstart.targets import _by_class


class ClassProbabilities(ABC):
    """A target whose outputs are a probability for each class."""

    classes: tuple[str, ...]
    primary: ClassVar[str]
    hub: ClassVar[str] = "classification"
    loss_unit: ClassVar[str] = "in nats"

    @abstractmethod
    def counts(self, labels: np.ndarray) -> dict[str, int]:
        """Count the rows of each class."""

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return self.classes

    @property
    def table_columns(self) -> tuple[str, ...]:
        """What the row is labelled as, and a probability for each class."""
        return ("label", *(f"p:{name}" for name in self.classes))

    def introduce(self, wrong: int, shown: int, split: str) -> str:
        """Describe how many rows were decided wrongly."""
        return f"{wrong:,} {split} rows were decided wrongly; these {shown} are furthest from their label."

    def ranges(self, labels: np.ndarray) -> dict[str, list[float]]:
        """Return nothing: classes are no numbers."""
        return {}

    def notes(self, labels: np.ndarray) -> list[str]:
        """Name the classes without a row."""
        return _by_class.absent(self.counts(labels))

    def selection(self, labels: np.ndarray) -> str:
        """Name the metric by which steps are chosen."""
        return self.primary
