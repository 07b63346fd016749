"""ROUGE-L (Lin 2004, ACL W04-1013): the longest sequence of words that is in the answer and in the label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from headstart.metrics._rouge import Rouge
from headstart.metrics._texts import common


@dataclass(frozen=True)
class RougeL(Rouge):
    """The longest sequence of words that is in the answer and in the label, gaps allowed: F, mean over rows."""

    title: ClassVar[str] = "ROUGE-L"

    def counts(self, label: Sequence[str], answer: Sequence[str]) -> tuple[int, int, int]:
        """Find the longest sequence."""
        return len(label), len(answer), common(label, answer)
