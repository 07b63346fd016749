"""The character error rate: characters that are wrong, missing or too many, over all rows together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from headstart.core.types import Form
from headstart.metrics._texts import ErrorRate


@dataclass(frozen=True)
class Cer(ErrorRate):
    """Characters that are wrong, missing or too many, by the characters of the labels."""

    title: ClassVar[str] = "character error rate"

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "edits by characters of the labels"

    def parts(self, text: str) -> Sequence[str]:
        """Cut a text into characters."""
        return text.strip()
