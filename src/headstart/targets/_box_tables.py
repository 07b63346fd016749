"""Sections of the report on boxes: average precision by class, and precision over recall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.core.seeding import numpy_generator
from headstart.drawing.blocks import Drawing, Drawings, Section, Table, Words
from headstart.drawing.charts import COLOURS, Axes, Chart, curve
from headstart.drawing.text import UNKNOWN, number_text
from headstart.metrics._of_boxes import average_precisions
from headstart.targets._box_curves import cut_at, precisions
from headstart.targets._by_class import MOST_CLASSES

RESAMPLES = 1000
HEADINGS = (
    "",
    "AP",
    "AP@0.5",
    "95% interval of AP@0.5",
    "labels",
    "pictures with it",
    "found from score",
    "precision, share",
    "recall, share",
    "F1",
)


def sections(
    counts: np.ndarray, found: np.ndarray, classes: Sequence[str], thresholds: Sequence[float]
) -> list[Section]:
    """Show average precision by class with an interval over pictures, and precision over recall.

    Args:
        counts: Labels of the rows by class, [N, C], as `matched` counts them.
        found: Boxes of the rows, [N, K, 12], as `matched` finds them.
        classes: Names of the classes.
        thresholds: The score from which on boxes of each class count as found.

    Returns:
        One section that stands early.
    """
    rows, totals = len(counts), counts.sum(axis=0)
    every = average_precisions(counts, found, range(10))(np.ones((rows, 1)))[:, :, 0]  # [C, 10]
    drawn = numpy_generator(0, "classes").multinomial(rows, np.full(rows, 1 / rows), RESAMPLES).T.astype(np.float64)
    spread = average_precisions(counts, found, (0,))(drawn)[:, 0]  # [C, R]
    means, shown, notes = every.mean(axis=1), np.arange(len(classes)), []
    if len(classes) > MOST_CLASSES:
        shown = np.argsort(np.nan_to_num(means, nan=2.0), kind="stable")[:MOST_CLASSES]
        notes.append(f"The {MOST_CLASSES} classes of the lowest AP, of {len(classes):,}.")
    cells = []
    for place in shown.tolist():
        known = spread[place][np.isfinite(spread[place])]
        ends = np.quantile(known, [0.025, 0.975]) if totals[place] else (np.nan, np.nan)
        cut = cut_at(found, place, int(totals[place]), thresholds[place])
        cells.append(
            (
                classes[place],
                _text(means[place]),
                _text(every[place, 0]),
                f"{_text(ends[0])} to {_text(ends[1])}" if totals[place] else UNKNOWN,
                f"{totals[place]:,}",
                f"{(counts[:, place] > 0).sum():,}",
                *((UNKNOWN,) * 4 if cut is None else map(_text, (cut.score, cut.precision, cut.recall, cut.f1))),
            )
        )
    notes.append(
        "AP: precision over recall, mean over thresholds of intersection over union (IoU) from 0.5 to 0.95. Precision, "
        "recall and F1: at an IoU of 0.5, of the boxes from a score on, which was chosen on validation rows. "
        f"Intervals: {RESAMPLES:,} resamples of the {rows:,} pictures (bootstrap, percentiles)."
    )
    told = [Words(note, "soft") for note in notes]
    return [
        Section("Average precision by class", [Table(HEADINGS, cells), *told, *_curves(found, totals, classes)], True)
    ]


def _curves(found: np.ndarray, totals: np.ndarray, classes: Sequence[str]) -> list[Drawings | Words]:
    """Draw precision over recall for the classes of most labels."""
    axes, marks, legend = Axes((0, 1), (0, 1.02), "recall", "precision"), [], []
    most = np.sort(np.argsort(-totals, kind="stable")[: len(COLOURS)])
    for colour, place in zip(COLOURS, most.tolist(), strict=False):
        if points := precisions(found, place, int(totals[place])):
            marks.append(curve(axes, points, colour))
            legend.append((classes[place], colour))
    if not marks:
        return [Words("No box is right at an IoU of 0.5: there is no curve to draw.")]
    notes = ["AP@0.5 is the area under a line; a line ends at the recall that is reached with all boxes."]
    if len(classes) > len(most):
        notes.append(f"The {len(most)} classes of most labels, of {len(classes):,}.")
    chart = Chart(axes, marks, "precision over recall by class")
    return [Drawings([Drawing("Precision over recall, IoU 0.5", chart, notes, legend)])]


def _text(value: float) -> str:
    return number_text(float(value)) if np.isfinite(value) else UNKNOWN
