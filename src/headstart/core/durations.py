"""Times as people write them: 90s, 10m, 1h30m."""

from __future__ import annotations

import math
import re

from headstart.core.errors import UsageError
from headstart.core.interface import option

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_PARTS = re.compile(r"(\d+(?:\.\d+)?)\s*(h|m|s)")


def seconds_of(text: str | float, name: str = "budget") -> float:
    """Read a time.

    Args:
        text: Seconds, or hours, minutes and seconds with their letters: "300", "90s", "10m", "1h30m".
        name: What messages call it.

    Returns:
        Seconds, above 0.

    Raises:
        UsageError: It is no such time, or not above 0.
    """
    plain = str(text).strip().lower()
    try:
        found = float(plain)
    except ValueError:
        parts = _PARTS.findall(plain)
        if not parts or _PARTS.sub("", plain).strip():
            raise UsageError(f"{option(name, text)} is no time: write seconds, or 90s, 10m, 1h30m.") from None
        found = math.fsum(float(number) * UNITS[unit] for number, unit in parts)
    if not 0 < found < math.inf:
        raise UsageError(f"{option(name, text)}: the time must be above 0.")
    return found


def rounded_up(seconds: float) -> str:
    """Write a time that is no shorter, as a person would give it: "40s", "3m", "1h30m".

    Args:
        seconds: Above 0.

    Returns:
        Tens of seconds up to a minute and a half, minutes up to an hour, then tens of minutes.
    """
    if seconds <= 90:
        return f"{math.ceil(seconds / 10) * 10}s"
    minutes = math.ceil(seconds / 60)
    if minutes < 60:
        return f"{minutes}m"
    hours, rest = divmod(math.ceil(minutes / 10) * 10, 60)
    return f"{hours}h{f'{rest}m' if rest else ''}"
