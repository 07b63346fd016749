"""Choose by pattern from names; a pattern that fits nothing is an error with the nearest name."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from headstart.core.errors import UsageError, first_few


def fits(pattern: str, name: str) -> bool:
    """Return whether a pattern (* ? [abc]) fits a name, or one of the modules that it lies in."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def none_fits(where: str, pattern: str, names: Collection[str], listed: Sequence[str]) -> UsageError:
    """Make the error for a pattern that fits no name.

    Args:
        where: The strategy and its network, for the message.
        pattern: What was given.
        names: All names that it was matched with, and modules that hold them.
        listed: The few of them that the message lists.

    Returns:
        The error, to be raised by the caller.
    """
    near = difflib.get_close_matches(pattern, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return UsageError(f"{where}: '{pattern}' fits nothing.{hint} There are {first_few(listed)}.")


def with_parents(names: Collection[str]) -> list[str]:
    """Return the names and those of all modules that they lie in, each once, in order."""
    parts = (name.split(".") for name in names)
    return list(dict.fromkeys(".".join(p[: i + 1]) for p in parts for i in range(len(p))))
