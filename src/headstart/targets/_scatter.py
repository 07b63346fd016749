"""A section of the report: predicted against true numbers, and the errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.core.seeding import numpy_generator
from headstart.drawing.blocks import Drawing, Drawings, Words
from headstart.drawing.charts import COLOURS, Axes, Chart, cloud, columns, guide, span

MOST_DOTS = 800
MOST_COLUMNS = 4


def section(names: Sequence[str], labels: np.ndarray, outputs: np.ndarray) -> list[Any]:
    """Draw predicted against true values, and the errors, for the first columns.

    Args:
        names: Names of the T columns.
        labels: [N, T].
        outputs: [N, T].

    Returns:
        Blocks.
    """
    places = np.arange(len(labels))
    if len(places) > MOST_DOTS:
        places = np.sort(numpy_generator("report", len(places)).permutation(places)[:MOST_DOTS])
    drawn = []
    for place, name in enumerate(names[:MOST_COLUMNS]):
        true, guessed = labels[:, place].astype(float), outputs[:, place].astype(float)
        drawn += [_against(name, true, guessed, places), _errors(name, guessed - true)]
    notes = []
    if len(labels) > MOST_DOTS:
        notes.append(f"{MOST_DOTS} of {len(labels):,} rows are drawn, at random; errors: all rows.")
    if len(names) > MOST_COLUMNS:
        notes.append(f"The first {MOST_COLUMNS} of {len(names)} targets are drawn.")
    return [Drawings(drawn), *(Words(note, "soft") for note in notes)]


def _against(name: str, true: np.ndarray, guessed: np.ndarray, places: np.ndarray) -> Drawing:
    ends = span([*true, *guessed])
    axes = Axes(ends, ends, f"true {name}", f"predicted {name}")
    dots = [
        (float(true[i]), float(guessed[i]), COLOURS[0], f"true {true[i]:.4g}, predicted {guessed[i]:.4g}")
        for i in places
    ]
    marks = [cloud(axes, dots, 2.5), guide(axes, (ends[0], ends[0]), (ends[1], ends[1]))]
    return Drawing(f"Predicted against true: {name}", Chart(axes, marks, "predicted against true values"))


def _errors(name: str, error: np.ndarray) -> Drawing:
    edge = max(float(np.abs(error).max()), 1e-12)
    counts, edges = np.histogram(error, bins=21, range=(-edge, edge))
    axes = Axes((-edge, edge), (0, float(counts.max()) * 1.05), f"predicted minus true {name}", "rows")
    bars = [
        (low, high, float(count), f"{low:.3g} to {high:.3g}: {count:,} rows")
        for low, high, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    ]
    return Drawing(f"Errors: {name}", Chart(axes, [columns(axes, bars, COLOURS[0])], "histogram of errors"))
