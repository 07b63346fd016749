"""How far slow work is: told from where it is done to whoever shows the run, without passing a listener everywhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from headstart.core.events import Event, Listener

T = TypeVar("T")

AFTER = 0.5  # seconds that work takes before anything is told of it
EVERY = 0.1  # seconds between two events

_listener: ContextVar[Listener | None] = ContextVar("progress", default=None)


@contextmanager
def told_to(listen: Listener) -> Iterator[None]:
    """Inside the block, work of this thread is told to a listener.

    Args:
        listen: Takes events of the kinds "progress" and "note".

    Yields:
        Nothing.
    """
    token = _listener.set(listen)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def working(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Tell how far work is that goes on inside the block; work of less than half a second is not spoken of.

    Args:
        what: In words, such as "computing features".
        total: How many pieces there are; None where that is not known.

    Yields:
        A function to call with the number of pieces that were done since the last call.
    """
    listen = _listener.get()
    began, told, done = time.monotonic(), 0.0, 0

    def advance(pieces: int) -> None:
        nonlocal told, done
        done += pieces
        now = time.monotonic()
        if listen is not None and now - began >= AFTER and now - told >= EVERY:
            told = now
            listen(Event("progress", what, {"done": done, "total": total}))

    if listen is not None and total is None:
        listen(Event("progress", what, {"done": 0, "total": None}))
        told = began
    try:
        yield advance
    finally:
        if listen is not None and told:
            listen(Event("progress", what, {"done": done, "total": done}))


def note(message: str) -> None:
    """Tell something in a sentence that everyone should know who waits for the work."""
    listen = _listener.get()
    if listen is not None:
        listen(Event("note", message))


def track(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Give items as they come, and tell how many were dealt with.

    Args:
        items: Any.
        what: In words, such as "reading pictures".
        total: How many there are.

    Yields:
        The items.
    """
    with working(what, total) as advance:
        for item in items:
            yield item
            advance(1)
