"""Calibrate probabilities by a temperature, and measure calibration (Guo et al. 2017, arXiv:1706.04599).

The paper fits the temperature to logits; here it is fitted to log-probabilities, which differ from
logits by a constant for each row that the softmax takes out again.

The temperature moves no decision of the likeliest class, so accuracy stays as it is. It is fitted where there are
validation rows enough (`FEWEST_ROWS`) and mistakes among them (`FEWEST_ERRORS`): without mistakes the likeliest
temperature is 0, which would claim certainty.
"""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass

import numpy as np

from headstart.core.errors import DataError
from headstart.core.outcome import Calibration
from headstart.metrics._bins import BINS, bin_places

FEWEST_ROWS = 50
FEWEST_ERRORS = 5
TINY = float(np.finfo(np.float32).tiny)  # probabilities that a float32 softmax rounded to 0
LOWEST, HIGHEST = 0.01, 100.0  # range of temperatures that are looked at


@dataclass(frozen=True)
class Bin:
    """One bar of a reliability diagram: rows whose confidence is in (low, high]; means are None in an empty bin."""

    low: float
    high: float
    rows: int
    confidence: float | None
    accuracy: float | None


def temperature_of(
    fit: Callable[[np.ndarray, np.ndarray], float], labels: np.ndarray, outputs: np.ndarray, errors: int
) -> tuple[float | None, tuple[str, ...]]:
    """Fit a temperature where there are mistakes enough.

    Args:
        fit: One of the functions below.
        labels: Labels of the validation rows.
        outputs: Their probabilities [N, C].
        errors: Wrong decisions among them.

    Returns:
        The temperature, or None and a note that says why.
    """
    if errors < FEWEST_ERRORS:
        return None, (f"no temperature: {errors} mistakes on validation, fewer than {FEWEST_ERRORS}",)
    return fit(outputs, labels), ()


def unfitted(labels: Sized | None) -> Calibration | None:
    """Return an empty calibration that says why, where there are too few validation rows to choose anything."""
    if labels is None:
        return Calibration(notes=("not calibrated: no validation rows",))
    rows = len(labels)
    if rows < FEWEST_ROWS:
        return Calibration(rows=rows, notes=(f"not calibrated: {rows} validation rows, fewer than {FEWEST_ROWS}",))
    return None


def fit_temperature(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Fit the temperature that makes validation labels likeliest.

    Args:
        probabilities: [N, C], rows sum to 1.
        targets: Classes [N].

    Returns:
        The temperature: above 1 the model was too sure, below 1 not sure enough.
    """
    from scipy import special

    logs = np.log(np.clip(_rows(probabilities), TINY, None))
    chosen = np.asarray(targets, dtype=np.int64)[:, None]

    def loss(temperature: float) -> float:
        scaled = special.log_softmax(logs / temperature, axis=1)
        return -float(np.take_along_axis(scaled, chosen, axis=1).mean())

    return _minimise(loss)


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Soften (above 1) or sharpen (below 1) probabilities [N, C] of exactly one class; decisions stay."""
    from scipy import special

    return special.softmax(np.log(np.clip(_rows(probabilities), TINY, None)) / temperature, axis=1)


def fit_label_temperature(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Fit one temperature for the logit of each label of a multi-label task.

    Args:
        probabilities: [N, C], each between 0 and 1.
        targets: [N, C] of 0 and 1.

    Returns:
        The temperature.
    """
    logits = _logits(probabilities)
    signs = 2.0 * np.asarray(targets, dtype=np.float64) - 1.0
    return _minimise(lambda temperature: float(np.logaddexp(0.0, -signs * logits / temperature).mean()))


def apply_label_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Soften or sharpen the probability of each label, [N, C], about 0.5."""
    from scipy import special

    return special.expit(_logits(probabilities) / temperature)


def calibration_bins(confidence: np.ndarray, correct: np.ndarray, *, bins: int = BINS) -> tuple[Bin, ...]:
    """Make the table behind a reliability diagram.

    Args:
        confidence: [N]; of the likeliest class, or for multi-label tasks all probabilities in one row.
        correct: [N] of 0 and 1: whether that class was right, or the label was there.
        bins: How many equally wide bins.

    Returns:
        The bins, from low to high confidence.
    """
    places = bin_places(confidence, bins)
    rows = np.bincount(places, minlength=bins)
    sure = np.bincount(places, weights=confidence, minlength=bins)
    right = np.bincount(places, weights=correct, minlength=bins)
    return tuple(
        Bin(
            i / bins,
            (i + 1) / bins,
            int(rows[i]),
            float(sure[i] / rows[i]) if rows[i] else None,
            float(right[i] / rows[i]) if rows[i] else None,
        )
        for i in range(bins)
    )


def _minimise(loss: Callable[[float], float]) -> float:
    from scipy.optimize import minimize_scalar

    # the loss has one valley in the inverse temperature (it is convex there), hence in its logarithm
    found = minimize_scalar(
        lambda log: loss(float(np.exp(log))),
        bounds=np.log([LOWEST, HIGHEST]),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))  # pyright: ignore[reportAttributeAccessIssue]


def _rows(probabilities: np.ndarray) -> np.ndarray:
    rows = np.asarray(probabilities, dtype=np.float64)
    if not rows.size or not np.isfinite(rows).all() or rows.min() < 0 or rows.max() > 1:
        raise DataError("Calibration needs rows of probabilities between 0 and 1; there are none, or values outside.")
    return rows


def _logits(probabilities: np.ndarray) -> np.ndarray:
    from scipy import special

    # a float32 sigmoid rounds to 1 from logit 17 on: no more certainty than that can be read back from it
    half = float(np.finfo(np.float32).eps) / 2
    return special.logit(np.clip(_rows(probabilities), half, 1.0 - half))
