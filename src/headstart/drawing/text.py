"""Numbers and names as text."""

from __future__ import annotations

import math

MOST_DIGITS = 6
UNKNOWN = "–"


def number_text(value: float | None) -> str:
    """Write a number to four digits; a dash for None."""
    if value is None:
        return UNKNOWN
    return fixed_text(value, 3 - math.floor(math.log10(abs(value))) if value else 3)


def fixed_text(value: float, places: int) -> str:
    """Write a number to so many places after the point; where they are too many, to three digits."""
    text = f"{value:.3g}" if places > MOST_DIGITS else f"{value:.{max(places, 0)}f}"
    return text if float(text) else text.removeprefix("-")


def words(name: str) -> str:
    """Write a metric's name so that it can be broken into lines: "balanced accuracy"."""
    return name.replace("_", " ")
