"""Show what happens: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from headstart.core.events import Event
from headstart.core.progress import told_to
from headstart.drawing.live import Live


class Aside(Console):
    """The console on stderr. A reader that is gone is an error like any other, and not the end of the process."""

    def on_broken_pipe(self) -> None:
        """Let `Show` deal with it."""
        raise BrokenPipeError


class Show:
    """Where a command's words go. With `as_json`, stdout gets one line at the end and nothing else.

    Words about the work may be lost: a closed terminal, a pipe that nobody reads or a full disk stops no run.
    """

    def __init__(self, as_json: bool = False, *, verbose: bool = False) -> None:
        self.as_json = as_json
        self.verbose = verbose
        self.aside = Aside(stderr=True, highlight=False, soft_wrap=True)
        self.main = self.aside if as_json else Console(highlight=False, soft_wrap=True)
        self.live = Live(self.aside, verbose=verbose)

    def say(self, text: str, style: str = "") -> None:
        """Show a line of the result."""
        self._print(self.main, Text(text, style))

    def note(self, text: str, style: str = "") -> None:
        """Show a line about the work."""
        self._print(self.aside, Text(text, style))

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, words: str = "") -> None:
        """Show a table; numbers stand right, the first column and that of `words` left. The first is never broken."""
        table = Table(title=Text(title), title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
        for place, column in enumerate(columns):
            table.add_column(
                Text(column),
                justify="right" if place and column != words else "left",
                no_wrap=not place,
                overflow="fold",
            )
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._print(self.main, table)
        self._print(self.main, Text())

    def finish(self, result: Mapping[str, Any]) -> None:
        """Print the JSON object as the last line of stdout, where it was asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(result, ensure_ascii=False, allow_nan=False) + "\n")
            sys.stdout.flush()

    def listen(self, event: Event) -> None:
        """Show an event of a run."""
        with self._may_be_lost():
            self.live(event)

    @contextmanager
    def work(self) -> Iterator[None]:
        """Show how far slow work inside the block is."""
        try:
            with told_to(self.listen):
                yield
        finally:
            self.close()

    def close(self) -> None:
        """Take away progress bars that are left."""
        with self._may_be_lost():
            self.live.close()

    def _print(self, console: Console, what: Any) -> None:
        if console is self.aside:
            with self._may_be_lost():
                console.print(what)
        else:
            console.print(what)

    @contextmanager
    def _may_be_lost(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.aside.quiet = True
            with suppress(OSError, ValueError):  # what is left in buffers goes nowhere
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, sys.stderr.fileno())
                os.close(nowhere)
