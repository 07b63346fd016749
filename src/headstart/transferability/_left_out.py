"""How good predictions are that each row had no part in."""

from __future__ import annotations

import numpy as np

from headstart.transferability._seen import Seen

CLOSE = 1e-9  # predictions that are nearer are equal: they differ by rounding


def quality(predicted: np.ndarray, seen: Seen) -> float:
    """Measure predictions by the form of the labels.

    Args:
        predicted: [N, T], beside `seen.columns`.
        seen: The labels.

    Returns:
        Classes: the share of rows whose class is the highest, a part of one where several classes are. Labels: the
        share that is on the right side of a half, a half of one where it is at a half. Values: R2, the mean over the
        columns that vary; NaN where none does.
    """
    wanted = seen.columns
    if seen.form == "classes":
        highest = predicted >= predicted.max(axis=1, keepdims=True) - CLOSE
        return float(((highest * wanted).sum(axis=1) / highest.sum(axis=1)).mean())
    if seen.form == "labels":
        beyond = predicted - 0.5
        right = np.where(np.abs(beyond) <= CLOSE, 0.5, (beyond > 0) == (wanted > 0.5))
        return float(right.mean())
    varies = np.ptp(wanted, axis=0) > 0
    if not varies.any():
        return float("nan")
    missed = np.square(predicted - wanted)[:, varies].mean(axis=0)
    return float((1 - missed / wanted[:, varies].var(axis=0)).mean())
