"""A section of the report: are probabilities right, and what was chosen on validation rows to make them so."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from headstart.core.outcome import Calibration, Measurements
from headstart.drawing.blocks import Drawing, Drawings, Notes, Table, Words, left
from headstart.drawing.charts import COLOURS, Axes, Chart, columns, curve, guide, whiskers
from headstart.drawing.text import number_text, words
from headstart.targets._calibration import FEWEST_ROWS, calibration_bins


class Names(NamedTuple):
    """What the axes are called: the confidence, the rate at which it is right, and what is counted."""

    confidence: str
    rate: str
    counted: str


def section(
    measured: Measurements, thresholds: str, confidence: np.ndarray, correct: np.ndarray, names: Names
) -> list[Any]:
    """Describe what was chosen, and draw how often predictions of a given probability are right.

    Args:
        measured: What was measured of the target.
        thresholds: What is said of them, or "".
        confidence: Probabilities [M].
        correct: Whether each was right, [M].
        names: Names of the axes.

    Returns:
        Blocks.
    """
    rows = len(measured.outputs)
    if rows < FEWEST_ROWS:
        few = f"No plot: {rows} {measured.split} rows are too few to see whether probabilities are right "
        return [*_chosen(measured, thresholds), Words(f"{few}(fewer than {FEWEST_ROWS}).")]
    return [*_chosen(measured, thresholds), _drawn(measured, confidence, correct, names), _where(measured)]


def _drawn(measured: Measurements, confidence: np.ndarray, correct: np.ndarray, names: Names) -> Drawings:
    bins = calibration_bins(confidence, correct, bins=10)
    axes = Axes((0, 1), (0, 1), names.confidence, names.rate)
    bars, dots, ranges = [], [], []
    for b in bins:
        if b.accuracy is None or b.confidence is None:
            continue
        low, high = measured.interval(b.accuracy * b.rows, b.rows)
        told = f"{b.rows:,} {names.counted}: probability {b.confidence:.2f}, right {b.accuracy:.2f} "
        bars.append((b.low, b.high, b.accuracy, f"{told}({low:.2f} to {high:.2f})"))
        dots.append((b.confidence, b.accuracy))
        ranges.append((b.confidence, low, high))
    marks = [
        columns(axes, bars, COLOURS[0], 0.3),
        guide(axes, (0, 0), (1, 1)),
        whiskers(axes, ranges, COLOURS[0]),
        curve(axes, dots, COLOURS[0], dots=True),
    ]
    plot = Drawing("Is the probability right?", Chart(axes, marks, "calibration plot"))
    most = max(b.rows for b in bins)
    axes = Axes((0, 1), (0, most * 1.05), names.confidence, names.counted)
    told = [(b.low, b.high, float(b.rows), f"{b.low:g} to {b.high:g}: {b.rows:,} {names.counted}") for b in bins]
    counts = Chart(axes, [columns(axes, told, "grey", 1)], "rows by probability")
    return Drawings([plot, Drawing("How sure is it?", counts)])


def _chosen(measured: Measurements, thresholds: str) -> list[Any]:
    """Describe what was chosen on validation: temperature and thresholds, and what the temperature changed."""
    calibration = measured.calibration
    parts: list[Any] = []
    if calibration.temperature is not None:
        parts += [_temperature(calibration), _before_and_after(measured)]
    if thresholds:
        parts.append(Words(thresholds))
    if calibration.notes:
        parts.append(Notes(calibration.notes))
    return parts


def _temperature(calibration: Calibration) -> Words:
    assert calibration.temperature is not None
    sure = "too sure of itself" if calibration.temperature > 1 else "not sure enough"
    text = f"Probabilities are scaled by the temperature {calibration.temperature:.3f}, fitted on "
    text += f"{calibration.rows:,} validation rows: before, the model was {sure} there. It changes no decision."
    return Words(text)


def _before_and_after(measured: Measurements) -> Table:
    rows = []
    for split, entry in measured.metrics.items():
        for name, before in entry.get("uncalibrated", {}).items():
            after = entry["metrics"][name]["value"]
            unit = left(measured.units[name])
            rows.append((f"{split}: {words(name)}", number_text(before), number_text(after), unit))
    return Table(("", "before", "after", left("unit")), rows)


def _where(measured: Measurements) -> Words:
    seen = (
        " These rows also chose the temperature, so the figures are a little better here than on new rows."
        if measured.split.startswith("validation") and measured.calibration.temperature is not None
        else ""
    )
    text = f"Measured on {len(measured.outputs):,} {measured.split} rows. On the dashed line probabilities are right; "
    return Words(f"{text}whiskers are 95 % intervals (Wilson 1927; at 0 and 1 the exact bound).{seen}", "soft")
