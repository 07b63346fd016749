"""The section of the report on tags: F1, precision and recall of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.core.seeding import numpy_generator
from headstart.drawing.blocks import Section, Table, Words
from headstart.drawing.text import UNKNOWN, number_text
from headstart.metrics._of_entities import f1
from headstart.metrics._ranks import ratio
from headstart.targets._by_class import MOST_CLASSES

RESAMPLES = 1000


def sections(counts: np.ndarray, classes: Sequence[str], what: str) -> list[Section]:
    """Show the figures of each class with an interval over texts.

    Args:
        counts: By row and class, [N, C, 3]: labelled, decided, both.
        classes: Names of the classes.
        what: Is counted, such as "entities".

    Returns:
        One section that stands early.
    """
    rows = len(counts)
    drawn = numpy_generator(0, "classes").multinomial(rows, np.full(rows, 1 / rows), RESAMPLES)  # [R, N]
    spread = f1(*np.einsum("rn,nck->kcr", drawn, counts.astype(np.float64)))  # [C, R]
    totals = counts.sum(axis=0).T.astype(np.float64)  # [3, C]
    labelled, decided, both = totals
    values, shown, notes = f1(*totals), np.arange(len(classes)), []
    if len(classes) > MOST_CLASSES:
        shown = np.argsort(np.nan_to_num(values, nan=2.0), kind="stable")[:MOST_CLASSES]
        notes.append(Words(f"The {MOST_CLASSES} classes of the lowest F1, of {len(classes):,}.", "soft"))
    cells = []
    for place in shown.tolist():
        known = spread[place][np.isfinite(spread[place])]
        low, high = np.quantile(known, [0.025, 0.975]) if known.size else (np.nan, np.nan)
        figures = (values[place], ratio(both, decided)[place], ratio(both, labelled)[place])
        of, precision, recall = (number_text(float(each)) if np.isfinite(each) else UNKNOWN for each in figures)
        interval = f"{number_text(float(low))} to {number_text(float(high))}" if np.isfinite(low) else UNKNOWN
        texts = int((counts[:, place, 0] > 0).sum())
        numbers = (labelled[place], decided[place], texts)
        cells.append((classes[place], of, interval, precision, recall, *(f"{int(each):,}" for each in numbers)))
    headings = (
        "",
        "F1",
        "95% interval",
        "precision, share",
        "recall, share",
        f"{what} labelled",
        "found",
        "texts with it",
    )
    told = Words(f"Intervals: {RESAMPLES:,} resamples of the {rows:,} texts (bootstrap, percentiles).", "soft")
    return [Section("Figures by class", [Table(headings, cells), told, *notes], early=True)]
