"""Send what happens in a run to trackers, beside whoever shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.types import Event, Listener, Tracking


def parse_tracker(text: str) -> Choice:
    """Read a tracker: "NAME OPTION=VALUE …" as any plug-in, or "NAME:OPTION=VALUE,OPTION=VALUE".

    Args:
        text: As on the command line.

    Returns:
        The tracker with its options, still text.

    Raises:
        UsageError: An option has no value.
    """
    name, colon, rest = text.partition(":")
    if not (colon and name.isidentifier()):
        return Choice.parse(text, "tracker")
    options = {}
    for part in filter(None, rest.split(",")):
        option, equals, value = part.partition("=")
        if not equals:
            raise UsageError(f"A tracker is NAME OPTION=VALUE … or NAME:OPTION=VALUE,OPTION=VALUE; got {text!r}.")
        options[option] = value
    return Choice(name, options)


@contextmanager
def tracked(choices: Sequence[Choice], listen: Listener) -> Iterator[Listener]:
    """Open trackers, and close them however the block ends.

    Args:
        choices: Trackers by name, with options.
        listen: Whoever is told anyway.

    Yields:
        A listener that tells all of them.

    Raises:
        UsageError: There is no such tracker or option, or its package is not installed.
    """
    opened: list[Tracking] = []
    failed = True
    try:
        for choice in choices:
            opened.append(plugins.build("trackers", choice.name, choice.options).open())

        def tell(event: Event, /) -> None:
            listen(event)
            for tracking in opened:
                tracking(event)

        yield tell
        failed = False
    finally:
        for tracking in opened:
            tracking.close(failed=failed)
