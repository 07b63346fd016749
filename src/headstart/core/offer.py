"""A way to start that a source offers for some data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Offer:
    """A source by its full name, the head to put on it, the surgery that it needs, and why it is offered, in words."""

    source: str
    head: str = "linear"
    surgery: tuple[str, ...] = ()
    why: str = ""
