"""Metrics, tables by class, the confusion matrix, thresholds, cross-validation."""

from __future__ import annotations

from typing import Any

from headstart.evaluation.report.facts import Facts, unit, words
from headstart.evaluation.report.html import Left, Markup, classed, join, table, tag
from headstart.evaluation.results import Interval
from headstart.evaluation.tables import interval_text, number_text

MOST_CLASSES = 40
MOST_IN_MATRIX = 16
MOST_CONFUSIONS = 20
SHORT = 4  # letters of a class name that stands over a column of the matrix


def metrics(facts: Facts) -> Markup:
    """Show every metric of every split with its interval and unit."""
    splits = list(facts.metrics)
    first = facts.metrics[splits[0]]
    names = sorted(first["metrics"], key=lambda name: name != first["primary"])
    headings = ["metric"]
    for split in splits:
        entry = facts.metrics[split]
        headings += [f"{split} ({entry['rows']:,}\N{NO-BREAK SPACE}rows)", f"{entry['level']:.0%} interval"]
    rows = []
    for name in names:
        cells = [text for split in splits for text in interval_text(Interval(**facts.metrics[split]["metrics"][name]))]
        better = "↑" if facts.higher_is_better[name] else "↓"
        rows.append((f"{words(name)}\N{NO-BREAK SPACE}{better}", *cells, Left(unit(facts, name))))
    notes = [(split, note) for split in splits for note in facts.metrics[split]["notes"]]
    how = "↑ higher is better, ↓ lower. Intervals: percentile bootstrap over rows; they do not cover training anew."
    parts = [table((*headings, Left("unit")), rows, "metrics"), classed("p", "soft", how)]
    if notes:
        parts.append(classed("ul", "notes", *(tag("li", f"{split}: {note}") for split, note in notes)))
    return join(parts)


def by_class(facts: Facts, split: str) -> Markup | None:
    """Show precision, recall and F1 of each class, or the metrics of each regression target."""
    rows: dict[str, dict[str, float | None]] = facts.metrics[split]["per_class"]
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
    limits = facts.calibration.thresholds
    extra = ("threshold, probability",) if limits else ()
    units = {"support": "rows", "precision": "share", "recall": "share", "f1": "0 to 1"}
    headings = [
        "",
        *(f"{words(column)}, {units.get(column) or unit(facts, column)}" for column in columns),
        *extra,
    ]
    cells = [
        (
            name,
            *(_cell(column, rows[name][column]) for column in columns),
            *([number_text(limits[name]) if name in limits else "–"] if extra else []),
        )
        for name in names
    ]
    return join([table(headings, cells), *note])


def confusion(facts: Facts, split: str) -> Markup | None:
    """Show the confusion matrix; where there are many classes, the pairs that are confused most."""
    matrix: list[list[int]] | None = facts.metrics[split]["confusion"]
    if matrix is None:
        return None
    classes = facts.task.classes
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


def chosen(facts: Facts) -> Markup:
    """Say what was chosen on validation: temperature and thresholds, and what the temperature changed."""
    calibration = facts.calibration
    parts: list[Markup] = []
    if calibration.temperature is not None:
        sure = "too sure of itself" if calibration.temperature > 1 else "not sure enough"
        parts.append(
            tag(
                "p",
                f"Probabilities are scaled by the temperature {calibration.temperature:.3f}, fitted on "
                f"{calibration.rows:,} validation rows: before, the model was {sure} there. It changes no decision.",
            )
        )
        rows = []
        for split, entry in facts.metrics.items():
            for name, before in entry.get("uncalibrated", {}).items():
                after = entry["metrics"][name]["value"]
                rows.append((f"{split}: {words(name)}", _number(before), _number(after), Left(unit(facts, name))))
        parts.append(table(("", "before", "after", Left("unit")), rows))
    if calibration.thresholds and facts.task.kind == "binary":
        ((name, limit),) = calibration.thresholds.items()
        text = f"The classes are of unequal size: a row is decided as '{name}' from a probability of {limit:.3f} on, "
        parts.append(
            tag("p", text + f"the one with the highest F1 of the rarer class on {calibration.rows:,} validation rows.")
        )
    if calibration.notes:
        parts.append(classed("ul", "notes", *(tag("li", note) for note in calibration.notes)))
    return join(parts)


def folds(plain: dict[str, Any], facts: Facts) -> Markup:
    """Show the cross-validation: mean over folds with its interval, and all out-of-fold predictions together."""
    together = plain["out_of_fold"]["metrics"]
    rows = []
    for name, interval in plain["mean"].items():
        value, bounds = interval_text(Interval(**interval))
        of_all = _number(together[name]["value"]) if name in together else "–"
        rows.append((words(name), value, bounds, of_all, Left(unit(facts, name))))
    times = f", {plain['repeats']} times" if plain["repeats"] > 1 else ""
    how = (
        f"{plain['k']} folds{times} over {plain['rows']:,} rows; test rows are in no fold. "
        "Intervals: Student's t with the corrected variance of Nadeau & Bengio (2003), cut at what a metric can be. "
        "The model saved here was trained on the rows of all folds, as the recipe says."
    )
    headings = ("metric", "mean over folds", "95% interval", "out-of-fold rows together", Left("unit"))
    return join([table(headings, rows), classed("p", "soft", how)])


def _pairs(matrix: list[list[int]], classes: tuple[str, ...]) -> Markup:
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
        return "–"
    return f"{int(value):,}" if column == "support" else number_text(value)


def _number(value: float | None) -> str:
    return "–" if value is None else number_text(value)
