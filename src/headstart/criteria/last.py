"""The last step counts: nothing is measured, nothing ends a stage early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from headstart.core.types import Measured, Task


@dataclass(frozen=True)
class Last:
    """Keep the last step; for objectives whose steps no figure tells apart, as in pretraining."""

    features: ClassVar[bool] = False

    @property
    def pools(self) -> tuple[str, ...]:
        """Nothing is measured."""
        return ()

    def score(self, task: Task, measured: Mapping[str, Measured]) -> None:
        """Return None: there is no figure."""
