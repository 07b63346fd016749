"""What happens in a run, and who is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Event:
    """Something that happened in a run, for whoever shows it. `values` hold the figures that `message` speaks of.

    A "note" is for every user, a "detail" for one who asks for more. "progress" tells how far slow work is: `values`
    has `done` and `total` (None where it is not known), and `message` says what is done.
    """

    kind: Literal["run", "note", "detail", "warning", "stage", "step", "evaluation", "progress", "saved", "result"]
    message: str
    values: Mapping[str, Any] = field(default_factory=dict)


class Tracker(Protocol):
    """Options of a place that figures of runs are sent to while they run."""

    def open(self) -> Tracking:
        """Check that it can be used, before any work.

        Returns:
            What takes the run's events.

        Raises:
            UsageError: Its package is not installed; the message names the extra.
        """
        ...


class Tracking(Protocol):
    """A listener that sends figures. A "run" event begins a new run, a "result" event holds its metrics by split."""

    def __call__(self, event: Event, /) -> None:
        """Take one event."""
        ...

    def close(self, *, failed: bool) -> None:
        """End the last run."""
        ...


class Listener(Protocol):
    """Whoever shows what happens in a run."""

    def __call__(self, event: Event, /) -> None:
        """Take one event."""
        ...


def silent(event: Event, /) -> None:
    """Show nothing."""
