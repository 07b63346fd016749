"""A section of the report: are probabilities right, and what was chosen on validation rows to make them so."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from headstart.core.outcome import Calibration, Measurements
from headstart.drawing.html import Left, Markup, classed, join, table, tag
from headstart.drawing.svg import GREY, PALETTE, Axes, chart, columns, curve, figure, guide
from headstart.drawing.text import number_text, words
from headstart.targets._calibration import calibration_bins


class Names(NamedTuple):
    """What the axes are called: the confidence, the rate at which it is right, and what is counted."""

    confidence: str
    rate: str
    counted: str


def section(
    measured: Measurements, thresholds: str, confidence: np.ndarray, correct: np.ndarray, names: Names
) -> Markup:
    """Describe what was chosen, and draw how often predictions of a given probability are right.

    Args:
        measured: What was measured of the target.
        thresholds: What is said of them, or "".
        confidence: Probabilities [M].
        correct: Whether each was right, [M].
        names: Names of the axes.

    Returns:
        The section.
    """
    return join([_chosen(measured, thresholds), _drawn(confidence, correct, names), _where(measured)])


def _drawn(confidence: np.ndarray, correct: np.ndarray, names: Names) -> Markup:
    bins = calibration_bins(confidence, correct, bins=10)
    axes = Axes((0, 1), (0, 1), names.confidence, names.rate)
    bars = [(b.low, b.high, b.accuracy) for b in bins if b.accuracy is not None]
    dots = [(b.confidence, b.accuracy) for b in bins if b.confidence is not None and b.accuracy is not None]
    marks = [
        columns(axes, bars, PALETTE[0], 0.35),
        guide(axes, (0, 0), (1, 1)),
        curve(axes, dots, PALETTE[0], dots=True),
    ]
    plot = figure("Is the probability right?", chart(axes, marks, "calibration plot"))
    most = max(b.rows for b in bins)
    axes = Axes((0, 1), (0, most * 1.05), names.confidence, names.counted)
    counts = chart(axes, [columns(axes, [(b.low, b.high, b.rows) for b in bins], GREY, 1)], "rows by probability")
    return classed("div", "figures", plot, figure("How sure is it?", counts))


def _chosen(measured: Measurements, thresholds: str) -> Markup:
    """Describe what was chosen on validation: temperature and thresholds, and what the temperature changed."""
    calibration = measured.calibration
    parts: list[Markup] = []
    if calibration.temperature is not None:
        parts += [_temperature(calibration), _before_and_after(measured)]
    if thresholds:
        parts.append(tag("p", thresholds))
    if calibration.notes:
        parts.append(classed("ul", "notes", *(tag("li", note) for note in calibration.notes)))
    return join(parts)


def _temperature(calibration: Calibration) -> Markup:
    assert calibration.temperature is not None
    sure = "too sure of itself" if calibration.temperature > 1 else "not sure enough"
    text = f"Probabilities are scaled by the temperature {calibration.temperature:.3f}, fitted on "
    text += f"{calibration.rows:,} validation rows: before, the model was {sure} there. It changes no decision."
    return tag("p", text)


def _before_and_after(measured: Measurements) -> Markup:
    rows = []
    for split, entry in measured.metrics.items():
        for name, before in entry.get("uncalibrated", {}).items():
            after = entry["metrics"][name]["value"]
            unit = Left(measured.units[name])
            rows.append((f"{split}: {words(name)}", number_text(before), number_text(after), unit))
    return table(("", "before", "after", Left("unit")), rows)


def _where(measured: Measurements) -> Markup:
    seen = (
        " These rows also chose the temperature, so that it looks a little better here."
        if measured.split == "validation" and measured.calibration.temperature is not None
        else ""
    )
    text = f"Measured on {measured.split} rows; on the dashed line, probabilities are right.{seen}"
    return classed("p", "soft", text)
