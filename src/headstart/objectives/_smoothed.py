"""What objectives with labelled rows have in common: the heads' own loss, with a share of each label spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from headstart.core.types import LossOptions, Objective


@dataclass(frozen=True)
class Smoothed(Objective):
    """An objective that minimises the heads' losses, among others.

    Attributes:
        label_smoothing: Fraction of the label spread over all classes (Szegedy et al. 2015, arXiv:1512.00567).
    """

    label_smoothing: float = 0.0
    reads: ClassVar[Literal["features", "inputs"]] = "features"

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1); it is {self.label_smoothing}.")

    @property
    def loss_options(self) -> LossOptions:
        """What the heads are asked for."""
        return LossOptions(label_smoothing=self.label_smoothing)
