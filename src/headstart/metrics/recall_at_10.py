"""Share of rows with another of their class among the nearest 10 (Jégou, Douze & Schmid 2011, TPAMI 33(1))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.metrics._bases import RecallAt


@dataclass(frozen=True)
class RecallAt10(RecallAt):
    """Recall at 10."""

    title: ClassVar[str] = "Recall at 10"
    k: ClassVar[int] = 10
