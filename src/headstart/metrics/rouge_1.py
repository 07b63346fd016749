"""ROUGE-1 (Lin 2004, ACL W04-1013): single words that answers and labels have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from headstart.metrics._rouge import Rouge
from headstart.metrics._texts import matches


@dataclass(frozen=True)
class Rouge1(Rouge):
    """Single words that answers and labels have in common: F, mean over rows."""

    title: ClassVar[str] = "ROUGE-1"

    def counts(self, label: Sequence[str], answer: Sequence[str]) -> tuple[int, int, int]:
        """Count single words."""
        return matches(label, answer, 1)
