"""Rows that cannot be read: left out where the user asks for it, and then told and listed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from headstart.core.counting import counted
from headstart.core.errors import BadRows, DataError, Problem, first_few
from headstart.core.interface import option
from headstart.data.tables import Tables

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
Bad = Mapping[str, Problem]  # what is wrong with rows, by name

SHOWN = 2  # rows that a note names
MOST = 0.5  # share of the rows from which on something else is wrong


def without_bad(work: Callable[[Bad], T], skip: bool, known: Bad, advice: str = "") -> tuple[T, dict[str, Problem]]:
    """Do some work without the rows that turn out to be bad.

    Args:
        work: Takes what is wrong with rows that are to be left out, by name.
        skip: Whether rows may be left out.
        known: Bad rows that are known before.
        advice: Is added to an error that stays, if rows may not be left out.

    Returns:
        What the work gave, and what is wrong with the rows that were left out.

    Raises:
        BadRows: Rows may not be left out, or it does not help.
    """
    bad = dict(known)
    while True:
        try:
            return work(bad), bad
        except BadRows as error:
            if not skip:
                raise BadRows(error.summary, error.problems, advice) from error
            if error.rows.keys() <= bad.keys():
                raise
            bad |= error.rows


def usable(tables: Tables, bad: Bad) -> Tables:
    """Return tables without the rows that are bad, and without splits of which nothing is left.

    Args:
        tables: What was read.
        bad: What is wrong with rows, by name.

    Returns:
        The tables.

    Raises:
        BadRows: The reader found others.
    """
    for error in tables.wrong:
        if not error.rows.keys() <= bad.keys():
            raise error
    kept = {split: keep(frame, bad) for split, frame in tables.splits.items()}
    return replace(tables, splits={split: frame for split, frame in kept.items() if len(frame)})


def keep(frame: pd.DataFrame, bad: Collection[str]) -> pd.DataFrame:
    """Return a frame without the rows that are bad."""
    return frame.loc[~frame.index.isin(list(bad))] if bad else frame


def advice() -> str:
    """Say how rows are left out."""
    return f"Leave such rows out with {option('skip-bad', True)}, or mend them."


def told(bad: Bad, rows: int) -> list[str]:
    """Say which rows were left out.

    Args:
        bad: What is wrong with each.
        rows: How many there were.

    Returns:
        A note, or none.

    Raises:
        DataError: It is most of them.
    """
    if not bad:
        return []
    if len(bad) > MOST * rows:
        summary = f"{counted(len(bad), 'rows', rows)} cannot be read: more than half are not left out. What is wrong:"
        raise DataError(summary, bad.values())
    few = first_few((f"{row} ({problem.what})" for row, problem in bad.items()), "; ", SHOWN)
    return [f"left out: {counted(len(bad), 'rows', rows)} that cannot be read: {few}"]


def written(problems: Iterable[Problem]) -> str:
    """Write the rows that were left out as a table: where, what, mend."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("where", "what", "mend"))
    table.writerows((problem.where, problem.what, problem.mend) for problem in problems)
    return text.getvalue()
