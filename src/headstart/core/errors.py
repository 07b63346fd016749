"""Every error that Headstart raises on purpose.

HeadstartError                exit code 1
├── UsageError                exit code 2: an option, a name or a recipe is wrong
│   └── WrongValue            a setting has a value that it cannot have
├── DataError                 exit code 2: rows of the data are wrong; lists all of them
│   └── BadRows               each row by itself: the others could be used without them
├── SourceError               exit code 2: a pretrained model is missing, damaged or not safe to read
├── StorageError              a file of a run is missing, torn or was changed
│   └── DiskError             the disk refuses a file: it is full, read-only, over a quota
└── TrainingError             training cannot go on (a loss that is not finite, memory)
    └── LostProcess           a process beside this one ended or hung: the run can go on from its last checkpoint

A message says what was wrong, where, and how to mend it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MOST_NEAR = 5  # names that are suggested for a misspelt one


class HeadstartError(Exception):
    """Base of all errors raised on purpose."""

    exit_code = 1

    def _render_traceback_(self) -> list[str]:
        """Show the message alone in a notebook: where in the library it was raised helps no user."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(HeadstartError):
    """An option, a name or a recipe is wrong."""

    exit_code = 2


class SourceError(HeadstartError):
    """A pretrained model is missing, damaged or not safe to read."""

    exit_code = 2


class StorageError(HeadstartError):
    """A file of a run is missing, torn or was changed."""


class DiskError(StorageError):
    """The disk refuses a file; once there is room, a run can go on."""


class TrainingError(HeadstartError):
    """Training cannot go on."""


class LostProcess(TrainingError):
    """A process beside this one ended or hung; the run can go on from its last checkpoint."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in the data: `where` (file or file:row), `what` it is, how to `mend` it."""

    where: str
    what: str
    mend: str = ""

    @property
    def row(self) -> str:
        """The name of the row, where it is one."""
        return self.where.partition(", column ")[0]

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.mend})" if self.mend else "")


class WrongValue(UsageError):
    """A setting has a value that it cannot have: `where` is the setting, `value` what it was given."""

    where, value, why = "", None, ""

    @classmethod
    def of(cls, where: str, value: object, why: str) -> WrongValue:
        """Write the message of its parts."""
        error = cls(f"{where}: {value!r} is not right: {why}.")
        error.where, error.value, error.why = where, value, why
        return error


class DataError(HeadstartError):
    """Rows of the data are wrong. `problems` holds every one of them; the message lists the first 100."""

    exit_code = 2
    shown = 100

    def __init__(self, summary: str, problems: Iterable[Problem] = (), advice: str = "") -> None:
        self.summary = summary
        self.problems = list(problems)
        lines = [summary, *(f"  {problem}" for problem in self.problems[: self.shown])]
        if len(self.problems) > self.shown:
            lines.append(f"  … and {len(self.problems) - self.shown} more")
        lines += [advice] if advice else []
        super().__init__("\n".join(lines))


class BadRows(DataError):
    """Rows are wrong each by itself, so that the others can be used without them.

    The `where` of each problem is the name of the row; ", column NAME" may follow.
    """

    @property
    def rows(self) -> dict[str, Problem]:
        """What is wrong with each row, by its name."""
        return {problem.row: problem for problem in self.problems}


_ALL = (
    HeadstartError,
    UsageError,
    WrongValue,
    DataError,
    BadRows,
    SourceError,
    StorageError,
    DiskError,
    TrainingError,
    LostProcess,
)
KINDS: dict[str, type[HeadstartError]] = {kind.__name__: kind for kind in _ALL}


def to_plain(error: HeadstartError) -> dict[str, str]:
    """Write an error as plain data, for another process: its kind in the tree above, and its message."""
    kind = next(base.__name__ for base in type(error).__mro__ if KINDS.get(base.__name__) is base)
    return {"kind": kind, "message": str(error)}


def from_plain(plain: Mapping[str, str]) -> HeadstartError:
    """Make the error again that `to_plain` wrote, to be raised by the caller."""
    return KINDS[plain["kind"]](plain["message"])


def reason_of(error: BaseException) -> str:
    """Return why a library refused something, to be put into a sentence: its first line, without a full stop."""
    return (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(". ")


def first_few(names: Iterable[object], between: str = ", ", most: int = 10) -> str:
    """Write a list of names for a message: the first few, and how many more there are.

    Args:
        names: All of them, in the order to show.
        between: What stands between two.
        most: How many are shown.

    Returns:
        The text; "" where there are none.
    """
    every = [str(name) for name in names]
    more = [f"and {len(every) - most:,} more"] if len(every) > most else []
    return between.join([*every[:most], *more])


def unknown(what: str, name: str, known: Sequence[str]) -> UsageError:
    """Make the error for a misspelt name: the nearest ones, then the beginning of the whole list.

    Args:
        what: What the name is meant to be, for example "strategy".
        name: The name that was given.
        known: All names that would have been right.

    Returns:
        The error, to be raised by the caller.
    """
    same = [each for each in known if each.casefold() == name.casefold()]
    like, near = (difflib.get_close_matches(name, known, n=n, cutoff=cut) for n, cut in ((MOST_NEAR, 0.75), (1, 0.5)))
    meant = same or like or near
    hint = f" Did you mean {first_few(map(repr, meant), ' or ')}?" if meant else ""
    return UsageError(f"There is no {what} '{name}'.{hint} Known: {first_few(known) or 'none'}.")
