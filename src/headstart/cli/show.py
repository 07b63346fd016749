"""Show what happens: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headstart.core.events import Event
from headstart.core.progress import told_to
from headstart.drawing.live import Live, fitted

LEAST_NAME, LEAST_WORDS = 18, 24  # columns of a terminal that names and words get in a table
FILE_WIDTH = 10_000  # signs in a line of a file, which no table needs
BETWEEN = 3  # columns of a terminal between two of a table


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
        self.began = time.monotonic()
        self.as_json = as_json
        self.verbose = verbose
        self.aside = Aside(stderr=True, highlight=False, soft_wrap=True)
        self.main = self.aside if as_json else Console(highlight=False, soft_wrap=True)
        if not self.main.is_terminal and "COLUMNS" not in os.environ:
            self.main.width = FILE_WIDTH
        self.live = Live(self.aside, verbose=verbose)

    def say(self, text: str, style: str = "", *, as_is: bool = False) -> None:
        """Show a line of the result, broken at words for a terminal.

        Args:
            text: One line or more.
            style: As rich names them.
            as_is: Whether no line may be broken, as of a command that is to be copied.
        """
        self._print(self.main, Text(text if as_is else fitted(text, self.main), style))

    def note(self, text: str, style: str = "") -> None:
        """Show a line about the work, broken at words for a terminal."""
        self._print(self.aside, Text(fitted(text, self.aside), style))

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, words: str = "") -> None:
        """Show a table; numbers stand right, the first column and that of `words` left.

        In a terminal the words are broken into lines, and names in the first column that leave too little room lose
        their beginning. No other cell is broken where the table fits without; a file gets the table at its full width.
        """
        rows = [tuple(row) for row in rows]
        widths = [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]
        least = [
            width if column != words else min(width, LEAST_WORDS) for column, width in zip(columns, widths, strict=True)
        ]
        first = self.main.width - BETWEEN * (len(widths) - 1) - sum(least[1:])
        fits = first >= min(widths[0], LEAST_NAME)
        table = Table(title=Text(title), title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
        for place, column in enumerate(columns):
            table.add_column(
                Text(column),
                justify="right" if place and column != words else "left",
                no_wrap=column != words and (fits or not place),
                overflow="fold",
            )
        for name, *cells in rows:
            table.add_row(
                *(
                    Text(cell)
                    for cell in (name if columns[0] == words else _ending(name, max(first, LEAST_NAME)), *cells)
                )
            )
        self._print(self.main, table)
        self._print(self.main, Text())

    def finish(self, result: Mapping[str, Any], **long: Iterable[str]) -> None:
        """Print the JSON object as the last line of stdout, where it was asked for.

        Args:
            result: Values by name, at least one.
            **long: By name, lists of any length as JSON without the brackets, in pieces.
        """
        if self.as_json:
            sys.stdout.write(json.dumps(result, ensure_ascii=False, allow_nan=False)[:-1])
            for name, pieces in long.items():
                sys.stdout.write(f', "{name}": [')
                sys.stdout.writelines(pieces)
                sys.stdout.write("]")
            sys.stdout.write("}\n")
            sys.stdout.flush()

    def listen(self, event: Event) -> None:
        """Show an event of a run."""
        with self._may_be_lost():
            self.live(event)

    @contextmanager
    def work(self) -> Iterator[None]:
        """Show that work inside the block goes on, and how far it is."""
        self.open()
        try:
            with told_to(self.listen):
                yield
        finally:
            self.close()

    def open(self) -> None:
        """Show that work goes on, until `close`."""
        with self._may_be_lost():
            self.live.open()

    def close(self) -> None:
        """Take away progress bars that are left."""
        with self._may_be_lost():
            self.live.close()

    def _print(self, console: Console, what: Any) -> None:
        if console is self.aside:
            with self._may_be_lost():
                console.print(what)
        else:
            self.close()  # a bar and a result would share a line of the terminal
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


def _ending(name: str, width: int) -> str:
    """Keep the end of a name, as that of a path says most."""
    while cell_len(name) > width:
        name = f"…{name.removeprefix('…')[1:]}"
    return name
