"""How the user works with Headstart: a message names a setting as this user writes it.

On the command line the setting `label` is the option `--label`, in Python the argument `label=`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

_command_line = False


@contextmanager
def command_line() -> Iterator[None]:
    """Inside the block, messages speak to a user of the command `headstart`; outside, to one of Python."""
    global _command_line
    before, _command_line = _command_line, True
    try:
        yield
    finally:
        _command_line = before


def on_command_line() -> bool:
    """Say whether the user gave a command, and did not call a function."""
    return _command_line


def option(name: str, value: object = None) -> str:
    """Write a setting as the user writes it.

    Args:
        name: As the command has it, without the dashes: "label", "batch-size".
        value: To be given to it; None names the setting alone. True, for a flag, is no word of the command line.

    Returns:
        For "strategy" and "full": `--strategy full` on the command line, `strategy='full'` in Python. Without a
        value: `--strategy`, and `strategy=`.
    """
    if _command_line:
        return f"--{name}" if value is None or value is True else f"--{name} {_quoted(value)}"
    keyword = name.replace("-", "_")
    return f"{keyword}=" if value is None else f"{keyword}={value!r}"


def call(action: str, subject: object, **settings: object) -> str:
    """Write how an action is started: `headstart fit DATA --resume runs/1`, `hs.fit(DATA, resume='runs/1')`.

    Args:
        action: Both a subcommand and a function, such as "fit".
        subject: The first argument; a name in capitals stands for what the user puts there, None is left out.
        **settings: By the names of Python's arguments.

    Returns:
        The command or the call.
    """
    options = [option(name.replace("_", "-"), value) for name, value in settings.items()]
    if _command_line:
        return " ".join(["headstart", action, *([] if subject is None else [_quoted(subject)]), *options])
    placeholder = isinstance(subject, str) and subject.isupper()
    first = [] if subject is None else [str(subject) if placeholder else repr(str(subject))]
    return f"hs.{action}({', '.join([*first, *options])})"


def _quoted(value: object) -> str:
    return shlex.quote(str(value))
