"""What happens in a run, shown while it goes on: bars in a terminal, one area in a notebook, plain lines elsewhere."""

from __future__ import annotations

import html
import math
import re
import sys
import time
from typing import Any, Protocol

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from headstart.core.events import Event

PLAIN_EVERY = 10.0  # seconds between lines of progress where there is neither a terminal nor a notebook
NOTEBOOK_EVERY = 0.2  # seconds between two drawings of a notebook's area
WAITING = "working"  # what a terminal says while nobody tells how far work is
INDENT = "  "  # of the rest of a line that is broken
QUIET = ("detail", "evaluation", "saved")  # told only to one who asks for more


def fitted(text: str, console: Console) -> str:
    """Break lines at words where they are wider than a terminal; a path is left whole, so that it can be copied.

    Args:
        text: One or more lines.
        console: A file takes lines as they are.

    Returns:
        The text; the rest of a broken line is indented.
    """
    if not console.is_terminal:
        return text
    return "\n".join(_broken(line, console.width) for line in text.split("\n"))


def _broken(line: str, width: int) -> str:
    """Break one line at words: "a b" at width 1 becomes "a", then "  b"."""
    lines = [""]
    for word in re.findall(r"\s*\S+", line):
        if lines[-1] and cell_len(lines[-1] + word) > width:
            lines.append(INDENT)
            word = word.lstrip()
        lines[-1] += word
    return "\n".join(lines)


class Surface(Protocol):
    """Where lines and bars are drawn."""

    def open(self) -> None:
        """Show that work goes on, until `close`."""
        ...

    def close(self) -> None:
        """Take everything away but the lines."""
        ...

    def line(self, text: str, style: str = "") -> None:
        """Show a line that stays."""
        ...

    def bar(self, what: str, done: int, total: int | None, told: str) -> None:
        """Show how far work is; one bar for each name of work."""
        ...

    def end(self, what: str) -> None:
        """Take a bar away."""
        ...


class Live:
    """A listener that shows events."""

    def __init__(self, console: Console | None = None, *, verbose: bool = False) -> None:
        """Take a place to draw on.

        Args:
            console: None draws on stderr, or in the notebook that this runs in.
            verbose: Whether details are shown, too.
        """
        console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self.verbose = verbose
        self.surface: Surface = _surface(console)
        self._open: dict[str, None] = {}
        self._stage = "training"
        self._measured = ""

    def __call__(self, event: Event, /) -> None:
        """Show an event."""
        if event.kind == "evaluation":
            self._measured = event.message
        if event.kind == "step":
            self._step(event)
        elif event.kind == "progress":
            self._bar(event.message, event.values["done"], event.values["total"])
        elif event.kind == "result" or (event.kind in QUIET and not self.verbose):
            pass  # the caller shows the result itself
        else:
            self._line(event)

    def open(self) -> None:
        """Show in a terminal that work goes on, also where nothing is told of it."""
        self.surface.open()

    def close(self) -> None:
        """Take away the bars that are left, as after an error."""
        self._end_all()
        self.surface.close()

    def _end_all(self) -> None:
        for what in list(self._open):
            self._end(what)

    def _line(self, event: Event) -> None:
        if event.kind == "stage":
            self._end_all()
            self._stage, self._measured = event.message.partition(":")[0], ""
        if event.kind == "warning":
            self.surface.line(f"warning: {event.message}", "yellow")
        elif event.kind == "evaluation":
            step = event.values.get("step")
            place = "" if step is None else f"step {step:,}: "
            self.surface.line(f"  {place}{event.message}{'  (best so far)' if event.values.get('best') else ''}")
        else:
            self.surface.line(event.message)

    def _step(self, event: Event) -> None:
        loss = event.values["loss"]
        told = [f"loss {loss:.4f}"] if math.isfinite(loss) else []  # with several processes it comes with the log
        told += [self._measured] if self._measured else []
        self._bar(f"{self._stage}: step", event.values["step"], event.values["steps"], ", ".join(told))

    def _bar(self, what: str, done: int, total: int | None, told: str = "") -> None:
        if total is not None and done >= total:
            self._end(what)
            return
        self._open[what] = None
        self.surface.bar(what, done, total, told)

    def _end(self, what: str) -> None:
        if what in self._open:
            del self._open[what]
            self.surface.end(what)


def _surface(console: Console) -> Surface:
    if console.is_jupyter:
        return Notebook()
    return Terminal(console) if console.is_terminal else Plain(console)


class Remaining(TimeRemainingColumn):
    """The time that is left, or the time since the last word where the end is not known."""

    def render(self, task: Task) -> Text:
        """Write the time of a bar."""
        return TimeElapsedColumn().render(task) if task.total is None else super().render(task)


class Terminal:
    """Bars with the time that is left, below the lines; where there are none, one that moves to and fro."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress: Progress | None = None
        self.waiting = TaskID(0)
        self.tasks: dict[str, TaskID] = {}

    def open(self) -> None:
        """Show that work goes on."""
        self._drawn()

    def close(self) -> None:
        """Take the area away."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None
            self.tasks.clear()

    def line(self, text: str, style: str = "") -> None:
        """Show a line that stays."""
        progress = self._drawn()
        self.console.print(Text(fitted(text, self.console), style))
        progress.reset(self.waiting)

    def bar(self, what: str, done: int, total: int | None, told: str) -> None:
        """Draw a bar; one whose total is not known moves to and fro."""
        progress = self._drawn()
        if what not in self.tasks:
            progress.update(self.waiting, visible=False)
            self.tasks[what] = progress.add_task(what, total=total, told="", of="")
        progress.update(self.tasks[what], completed=done, total=total, told=told, of=_of(done, total))

    def end(self, what: str) -> None:
        """Take a bar away."""
        if self.progress is not None:
            self.progress.remove_task(self.tasks.pop(what))
            if not self.tasks:
                self.progress.reset(self.waiting, visible=True)

    def _drawn(self) -> Progress:
        if self.progress is None:
            columns = (TextColumn("  {task.description}"), BarColumn(), TextColumn("{task.fields[of]}"))
            more = (TextColumn("{task.fields[told]}"), Remaining())
            both = sys.stdout.isatty()  # else what others print belongs to a file
            self.progress = Progress(*columns, *more, console=self.console, transient=True, redirect_stdout=both)
            self.waiting = self.progress.add_task(WAITING, total=None, told="", of="")
            self.progress.start()
        return self.progress


class Plain:
    """Lines, and of long work one every ten seconds: for a log file."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.last = time.monotonic()

    def open(self) -> None:
        """Show nothing: a file needs no sign of life."""

    def close(self) -> None:
        """Show nothing."""

    def line(self, text: str, style: str = "") -> None:
        """Show a line."""
        self.console.print(Text(text, style))

    def bar(self, what: str, done: int, total: int | None, told: str) -> None:
        """Show a line, if the last one is long ago."""
        now = time.monotonic()
        if now - self.last > PLAIN_EVERY:
            self.last = now
            self.line("  " + ", ".join(filter(None, (f"{what} {_of(done, total)}".rstrip(), told))))

    def end(self, what: str) -> None:
        """Show nothing: the next line says that it is done."""


class Notebook:
    """One area below the cell: the lines, and a bar for what goes on now. It is left as text when a run has ended."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.bars: dict[str, tuple[int, int | None, str]] = {}
        self.handle: Any = None
        self.last = 0.0

    def open(self) -> None:
        """Show nothing: the notebook itself shows that a cell runs."""

    def close(self) -> None:
        """Leave the lines."""

    def line(self, text: str, style: str = "") -> None:
        """Add a line to the area."""
        self.lines.append(text)
        self._draw()

    def bar(self, what: str, done: int, total: int | None, told: str) -> None:
        """Draw the bar anew."""
        new = what not in self.bars
        self.bars[what] = (done, total, told)
        if new or time.monotonic() - self.last > NOTEBOOK_EVERY:
            self._draw()

    def end(self, what: str) -> None:
        """Take a bar away."""
        self.bars.pop(what, None)
        self._draw()

    def _draw(self) -> None:
        from IPython.display import display  # this is a notebook, so that IPython is there

        self.last = time.monotonic()
        shown = {"text/plain": "\n".join(self.lines), "text/html": self._html()}
        if self.handle is None:
            self.handle = display(shown, raw=True, display_id=True)
        else:
            self.handle.update(shown, raw=True)

    def _html(self) -> str:
        lines = "\n".join(map(html.escape, self.lines))
        bars = "".join(
            f"<div>{html.escape(what)} <progress {'' if total is None else f'value={done} max={total}'}></progress> "
            f"{html.escape(', '.join(filter(None, (_of(done, total), told))))}</div>"
            for what, (done, total, told) in self.bars.items()
        )
        return f'<pre style="white-space: pre-wrap; margin: 0">{lines}</pre>{bars}'


def _of(done: int, total: int | None) -> str:
    return "" if total is None else f"{done:,} of {total:,}"
