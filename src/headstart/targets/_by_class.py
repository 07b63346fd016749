"""Sections of the report: figures by class (or by column of numbers), what is confused with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headstart.core.errors import first_few
from headstart.core.outcome import Measurements
from headstart.drawing.blocks import Cell, Heading, Table, Words, left
from headstart.drawing.text import UNKNOWN, number_text, words

MOST_CLASSES = 40
MOST_IN_MATRIX = 16
MOST_CONFUSED = 10  # classes of the matrix where there are more
MOST_PAIRS = 10
SHORT = 4  # letters of class names that need not be turned above the columns of the matrix
FULL = 0.6  # share from which a cell is so dark that its text is white
UNITS = {"support": "rows", "precision": "share", "recall": "share", "f1": "0 to 1"}  # of one class
OTHERS = "other classes"


def absent(counts: Mapping[str, int]) -> list[str]:
    """Name the classes without a row."""
    names = [f"'{name}'" for name, rows in counts.items() if not rows]
    if not names:
        return []
    return [f"No row is of the class {first_few(names)}: averages over classes count it only where it is predicted."]


def by_class(measured: Measurements) -> list[Any]:
    """Show the figures of each class, or of each column of numbers; nothing where there is only one."""
    rows: Mapping[str, Mapping[str, float | None]] = measured.metrics[measured.split]["per_class"]
    if not rows:
        return []
    columns = list(next(iter(rows.values())))
    names = list(rows)
    note = []
    if len(names) > MOST_CLASSES:
        weakest = sorted(names, key=lambda name: (rows[name].get("f1") is None, rows[name].get("f1") or 0.0))
        names = weakest[:MOST_CLASSES]
        text = f"The {MOST_CLASSES} classes of the lowest F1, of {len(rows):,}. All of them are in metrics.json."
        note.append(Words(text, "soft"))
    limits = measured.calibration.thresholds
    extra = ("threshold, probability",) if limits else ()
    headings = [
        "",
        *(f"{words(column)}, {UNITS.get(column) or measured.units[column]}" for column in columns),
        *extra,
    ]
    cells = [
        (
            name,
            *(_cell(column, rows[name][column]) for column in columns),
            *([number_text(limits.get(name))] if extra else []),
        )
        for name in names
    ]
    return [Table(headings, cells), *note]


def confusion(classes: Sequence[str], labels: np.ndarray, decisions: np.ndarray) -> list[Any]:
    """Show the pairs that are confused most, and the matrix; of many classes the part that is confused most.

    Args:
        classes: C.
        labels: Places in the class list, [N].
        decisions: The same.

    Returns:
        Blocks.
    """
    support = np.bincount(labels, minlength=len(classes))
    wrong = labels != decisions
    if not wrong.any() and len(classes) > MOST_IN_MATRIX:
        return [Words(f"Every one of the {len(labels):,} rows was decided rightly.")]
    parts = [_pairs(classes, labels[wrong], decisions[wrong], support)] if wrong.any() and len(classes) > 2 else []
    kept, names = np.arange(len(classes)), list(classes)
    note = ""
    if len(classes) > MOST_IN_MATRIX:
        errors = np.bincount(labels[wrong], minlength=len(classes)) + np.bincount(
            decisions[wrong], minlength=len(classes)
        )
        kept = np.sort(np.argsort(-errors, kind="stable")[:MOST_CONFUSED])
        names = [classes[int(place)] for place in kept]
        note = f" The {len(kept)} classes with most mistakes, of {len(classes):,}; all cells are in metrics.json."
    place = np.full(len(classes), len(kept))
    place[kept] = np.arange(len(kept))
    counts = np.zeros((len(kept) + 1, len(kept) + 1), dtype=np.int64)
    np.add.at(counts, (place[labels], place[decisions]), 1)
    heads = [*names, *([OTHERS] if note else [])]
    rows = [
        (Cell(name, title=name), *(_shaded(counts, names, row, column, heads) for column in range(len(heads))))
        for row, name in enumerate(names)
    ]
    css = "confusion short" if max(map(len, heads)) <= SHORT else "confusion"
    told = f"Rows: the label. Columns: the decision. Cells: how many rows; colour: share of the label.{note}"
    table = Table(("label \\ decision", *(Cell(name, title=name) for name in heads)), rows, css)
    return [*parts, *([Heading("Matrix")] if parts else []), table, Words(told, "soft")]


def _pairs(classes: Sequence[str], labels: np.ndarray, decisions: np.ndarray, support: np.ndarray) -> Table:
    """List the pairs that are confused most, from the wrong rows."""
    pairs, counts = np.unique(labels * len(classes) + decisions, return_counts=True)
    worst = np.argsort(-counts, kind="stable")[:MOST_PAIRS]
    rows = []
    for count, pair in zip(counts[worst], pairs[worst], strict=True):
        a, b = divmod(int(pair), len(classes))
        rows.append((classes[a], left(classes[b]), f"{count:,}", f"{count / support[a]:.0%}"))
    said = f"confused most, of {len(pairs):,} pairs" if len(pairs) > len(rows) else "label"
    return Table((said, left("decided as"), "rows", "of the label"), rows)


def _shaded(counts: np.ndarray, names: Sequence[str], row: int, column: int, heads: Sequence[str]) -> Cell:
    count, all_rows = int(counts[row, column]), max(int(counts[row].sum()), 1)
    share = count / all_rows
    title = f"{names[row]} decided as {heads[column]}: {count:,} of {all_rows:,} rows, {share:.0%}"
    css = ("right" if row == column else "wrong") + (" full" if share > FULL else "")
    return Cell(f"{count:,}", css, title, share)


def _cell(column: str, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{int(value):,}" if column == "support" else number_text(value)
