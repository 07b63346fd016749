"""Sections of the report: figures by class (or by column of numbers), the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headstart.core.errors import first_few
from headstart.core.outcome import Measurements
from headstart.drawing.html import Left, Markup, classed, join, table, tag
from headstart.drawing.text import UNKNOWN, number_text, words

MOST_CLASSES = 40
MOST_IN_MATRIX = 16
MOST_CONFUSIONS = 20
SHORT = 4  # letters of a class name that stands over a column of the matrix
UNITS = {"support": "rows", "precision": "share", "recall": "share", "f1": "0 to 1"}  # of one class


def absent(counts: Mapping[str, int]) -> list[str]:
    """Name the classes without a row."""
    names = [f"'{name}'" for name, rows in counts.items() if not rows]
    if not names:
        return []
    return [f"No row is of the class {first_few(names)}: averages over classes count it only where it is predicted."]


def by_class(measured: Measurements) -> Markup | None:
    """Show the figures of each class, or of each column of numbers; None where there is only one."""
    rows: Mapping[str, Mapping[str, float | None]] = measured.metrics[measured.split]["per_class"]
    if not rows:
        return None
    columns = list(next(iter(rows.values())))
    names = list(rows)
    note = []
    if len(names) > MOST_CLASSES:
        weakest = sorted(names, key=lambda name: (rows[name].get("f1") is None, rows[name].get("f1") or 0.0))
        names = weakest[:MOST_CLASSES]
        text = f"The {MOST_CLASSES} classes of the lowest F1, of {len(rows)}. All of them are in metrics.json."
        note.append(classed("p", "soft", text))
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
    return join([table(headings, cells), *note])


def confusion(classes: Sequence[str], matrix: Sequence[Sequence[int]]) -> Markup:
    """Show the confusion matrix; where there are many classes, the pairs that are confused most."""
    if len(classes) > MOST_IN_MATRIX:
        return _pairs(matrix, classes)
    most = [max(sum(row), 1) for row in matrix]
    short = max(map(len, classes)) <= SHORT
    heads = classes if short else [str(place + 1) for place in range(len(classes))]
    rows = [
        (
            name if short else f"{place + 1}. {name}",
            *(_shaded(count, count / most[place], place == column) for column, count in enumerate(row)),
        )
        for place, (name, row) in enumerate(zip(classes, matrix, strict=True))
    ]
    by = "" if short else ", by the same numbers"
    note = f"Rows: the label. Columns: the decision{by}. Cells: how many rows; colour: share of the label."
    return join([table(("label \\ decision", *heads), rows, "confusion"), classed("p", "soft", note)])


def _pairs(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> Markup:
    wrong = [(count, a, b) for a, row in enumerate(matrix) for b, count in enumerate(row) if a != b and count > 0]
    worst = sorted(wrong, key=lambda entry: (-entry[0], entry[1], entry[2]))[:MOST_CONFUSIONS]
    rows = [(classes[a], Left(classes[b]), f"{count:,}", f"{count / sum(matrix[a]):.0%}") for count, a, b in worst]
    note = f"The {len(worst)} most frequent of {len(wrong)} kinds of mistakes. The whole matrix is in metrics.json."
    return join([table(("label", Left("decided as"), "rows", "of the label"), rows), classed("p", "soft", note)])


def _shaded(count: int, share: float, right: bool) -> Markup:
    colour = f"rgba(11,107,181,{0.85 * share:.2f})" if right else f"rgba(213,94,0,{0.85 * share:.2f})"
    ink = "#fff" if share > 0.6 else "inherit"
    shade = f"background:{colour};color:{ink}" if count else ""
    return tag("td", f"{count:,}", attributes={"style": shade})


def _cell(column: str, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{int(value):,}" if column == "support" else number_text(value)
