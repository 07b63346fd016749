"""Counts in messages: "1 row is", "3 of 40 rows are"."""

from __future__ import annotations

import re

ONE = {"are": "is", "do": "does", "have": "has", "them": "it", "their": "its"}  # others take an s


def counted(count: int, many: str, of: int | None = None) -> str:
    """Write how many there are.

    Args:
        count: How many.
        many: The noun for several of them, which may have words before or behind: "test rows", "rows of numbers".
        of: How many there are in all; None does not say it.

    Returns:
        "3 rows", "1 row", "1 of 40 rows".
    """
    several = count if of is None else of
    noun = re.sub(r"entries\b", "entry", many) if "entries" in many else re.sub(r"(?<=ss)es\b|s\b", "", many, count=1)
    return f"{count:,}{'' if of is None else f' of {of:,}'} {noun if several == 1 else many}"


def agree(count: int, many: str) -> str:
    """Return the form of a verb, or of "them" and "their", that follows a count: "is" for 1 and "are"."""
    return ONE.get(many, f"{many}s") if count == 1 else many
