"""Stop a run on a signal: at once outside training, between two steps inside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headstart.core.choosing import Score


class Stopped(BaseException):
    """The run was asked to stop. Not an `Exception`, so that no handler swallows it.

    `signal` is its number; `saved` is the checkpoint that was written on the way out, empty where there was none.
    """

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal
        self.saved = ""


class Paused(Stopped):
    """Training was asked to wait between two steps; it is saved and can go on.

    `score` is that of the last look, and `looked` what it saw in this process: outputs by pool and target.
    """

    def __init__(self) -> None:
        super().__init__(0)
        self.score: Score | None = None
        self.looked: Mapping[str, Mapping[str, Any]] = {}


@dataclass
class Stop:
    """A request to stop, and what an end leaves behind. `request` may be called from a signal handler.

    run: the folder of the run that can go on; empty before it is made and after it has ended. again: what `fit` has to
    be given once more for it, beside the folder, by the names of its arguments. pause: whether training is to wait at
    the next step.
    """

    signal: int = 0
    pause: bool = False
    deferred: bool = False
    run: str = ""
    again: Mapping[str, object] = field(default_factory=dict)

    def request(self, signal: int) -> None:
        """Ask to stop: raises `Stopped` at once, unless inside `between_steps`."""
        self.signal = signal
        if not self.deferred:
            raise Stopped(signal)

    @contextmanager
    def between_steps(self) -> Iterator[None]:
        """Inside, a request waits for `check`, or for the end."""
        self.deferred = True
        try:
            yield
        finally:
            self.deferred = False
        self.check()

    @contextmanager
    def working_on(self, run: str) -> Iterator[None]:
        """Inside, and after an error, a run can go on; within another one, it is that one that goes on."""
        before = self.run
        self.run = before or run
        yield
        self.run = before

    def check(self) -> None:
        """Raise `Stopped` if it was asked for, or `Paused`."""
        if self.signal:
            raise Stopped(self.signal)
        if self.pause:
            raise Paused
