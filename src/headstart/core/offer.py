"""A start that a source has to offer for some data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Offer:
    """One way to start.

    Attributes:
        source: As `--source` takes it.
        head: As `--head` takes it.
        surgery: Operations, each as `--surgery` takes it.
        why: What speaks for it, in words that follow its name.
    """

    source: str
    head: str = "linear"
    surgery: tuple[str, ...] = ()
    why: str = ""

    def __str__(self) -> str:
        """Write what has to be named to get it again."""
        parts = [self.source, *([] if self.head == "linear" else [f"head {self.head}"]), *self.surgery]
        return " with ".join(parts[:2]) + "".join(f", {part}" for part in parts[2:])
