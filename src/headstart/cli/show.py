"""Show what happens: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from headstart.core.types import Event

PLAIN_EVERY = 10.0  # seconds between lines of progress where there is no terminal


class Aside(Console):
    """The console on stderr. A reader that is gone is an error like any other, and not the end of the process."""

    def on_broken_pipe(self) -> None:
        """Let `Show` deal with it."""
        raise BrokenPipeError


class Show:
    """Where a command's words go. With `as_json`, stdout gets one line at the end and nothing else.

    Words about the work may be lost: a closed terminal, a pipe that nobody reads or a full disk stops no run.
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.aside = Aside(stderr=True, highlight=False, soft_wrap=True)
        self.main = self.aside if as_json else Console(highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._last = 0.0

    def say(self, text: str) -> None:
        """Show a line of the result."""
        self._print(self.main, Text(text))

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
        if event.kind == "step":
            self._step(event)
            return
        if event.kind == "result":  # the command shows tables of them
            return
        if event.kind == "stage":
            self.close()
        if event.kind == "warning":
            self.note(f"warning: {event.message}", "yellow")
        elif event.kind == "evaluation":
            place = f"step {event.values['step']}: " if "step" in event.values else ""
            self.note(f"  {place}{event.message}{'  (best so far)' if event.values.get('best') else ''}")
        else:
            self.note(event.message)

    def close(self) -> None:
        """End the progress bar."""
        if self._progress is not None:
            with self._may_be_lost():
                self._progress.stop()
            self._progress = self._task = None

    def _step(self, event: Event) -> None:
        step, steps, loss = event.values["step"], event.values["steps"], event.values["loss"]
        told = f"loss {loss:.4f}" if math.isfinite(loss) else ""  # with several processes it comes with the log
        if not self.aside.is_terminal:
            now = time.monotonic()
            if now - self._last > PLAIN_EVERY:
                self._last = now
                self.note(", ".join(filter(None, (f"  step {step} of {steps}", told))))
            return
        if self._progress is None or self._task is None:
            columns = (
                TextColumn("  step {task.completed} of {task.total}"),
                BarColumn(),
                TextColumn("{task.fields[told]}"),
            )
            self._progress = Progress(*columns, TimeRemainingColumn(), console=self.aside, transient=True)
            self._task = self._progress.add_task("", total=steps, told=told)
            with self._may_be_lost():
                self._progress.start()
        self._progress.update(self._task, completed=step, told=told)
        if step == steps:
            self.close()

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
