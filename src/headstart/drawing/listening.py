"""Who listens to work that a function of the public API does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from headstart.core.processes import rank
from headstart.core.progress import told_to
from headstart.core.types import Listener, silent


@contextmanager
def shown(progress: bool, verbose: bool, listen: Listener | None) -> Iterator[Listener]:
    """Show what goes on, unless the caller listens or wants to see nothing; bars are taken away at the end."""
    if listen is not None or not progress or rank():
        with told_to(listen or silent):
            yield listen or silent
        return
    from headstart.drawing.live import Live

    live = Live(verbose=verbose)
    try:
        with told_to(live):
            yield live
    finally:
        live.close()
