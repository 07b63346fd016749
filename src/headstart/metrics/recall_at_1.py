"""Share of rows whose nearest other row is of their class (Jégou, Douze & Schmid 2011, TPAMI 33(1))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.metrics._bases import RecallAt


@dataclass(frozen=True)
class RecallAt1(RecallAt):
    """Recall at 1."""

    title: ClassVar[str] = "Recall at 1"
    k: ClassVar[int] = 1
