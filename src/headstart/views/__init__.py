"""One file a view: a way to show an example in training."""

from __future__ import annotations

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError, first_few
from headstart.core.input import Input, View

PLAIN = "plain"  # the view of evaluation


def build(text: str) -> View:
    """Build a view from "NAME OPTION=VALUE …"; one that is not known is a `UsageError` with the nearest name."""
    choice = Choice.parse(text, "the view")
    return plugins.build("views", choice.name, choice.options)


def shows(text: str, kind: type[Input]) -> bool:
    """Return whether a view can show the inputs of a modality."""
    taken = plugins.load("views", Choice.parse(text, "the view").name).inputs
    return not taken or kind in taken


def offers(text: str, kind: type[Input]) -> bool:
    """Return whether a view may show the inputs of a modality where nobody asked for it."""
    offered = plugins.load("views", Choice.parse(text, "the view").name).offered
    return shows(text, kind) and (offered is None or kind in offered)


def check_shows(name: str, expects: Input) -> None:
    """Check that a view can show what a network takes.

    Args:
        name: The view, perhaps with options.
        expects: What the network expects.

    Raises:
        UsageError: It cannot; the message names the views that can.
    """
    check_kind(name, type(expects))


def check_kind(name: str, kind: type[Input]) -> None:
    """Check that a view can show the inputs of a modality; a `UsageError` names those that can."""
    if shows(name, kind):
        return
    fitting = first_few(view for view in plugins.names("views") if shows(view, kind))
    raise UsageError(f"The view '{name}' cannot show {plugins.name_of(kind)} input. Views that can: {fitting}.")
