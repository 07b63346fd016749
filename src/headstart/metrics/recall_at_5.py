"""Share of rows with another of their class among the nearest 5 (Jégou, Douze & Schmid 2011, TPAMI 33(1))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.metrics._bases import RecallAt


@dataclass(frozen=True)
class RecallAt5(RecallAt):
    """Recall at 5."""

    title: ClassVar[str] = "Recall at 5"
    k: ClassVar[int] = 5
