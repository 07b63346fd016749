"""Make up for rare classes: one switch for every classification task, whatever the objective.

- "weights": each class by the inverse of its effective number of rows, (1 - b^n) / (1 - b) with b = (N - 1) / N
  (Cui et al. 2019, arXiv:1901.05555, eq. 2).
- "focal": each example by (1 - p)^2, p being the probability that its right answer has (Lin et al. 2017,
  arXiv:1708.02002, eq. 4, without their alpha).
- "logit_adjust": log-frequencies are added to the logits in training only, so that the model's own answer is
  balanced (Menon et al. 2021, arXiv:2007.07314, eq. 10, with tau = 1).
- "sampler": class-balanced batches (`headstart.data.balanced`); nothing to do in the loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FOCUS = 2.0
EVEN = 1.5  # up to this ratio of the largest to the smallest class, nothing is done


@dataclass(frozen=True)
class Balance:
    """What the loss is changed by: `weights` and `shift` (added to the logits) have one number a class."""

    weights: tuple[float, ...] = ()
    shift: tuple[float, ...] = ()
    focus: float = 0.0


def balance_classes(kind: str, labels: np.ndarray, classes: int) -> Balance:
    """Make up for rare classes where each row has one.

    Args:
        kind: A value of the recipe's `imbalance`; "sampler" and "none" change no loss.
        labels: Class of each training row, [N].
        classes: Their number C.

    Returns:
        What the loss is changed by.
    """
    return balance_counts(kind, np.bincount(labels, minlength=classes))


def balance_counts(kind: str, counts: np.ndarray) -> Balance:
    """Make up for rare classes by how many rows (or pixels) each has, [C]; see `balance_classes`."""
    rows, counts = int(counts.sum()), counts.clip(min=1)  # a class without rows counts as one
    if kind == "logit_adjust":
        return Balance(shift=tuple(np.log(counts / counts.sum()).tolist()))
    if kind == "weights":
        weights = 1 / _effective(counts, rows)
        return Balance(weights=tuple((weights * counts.sum() / (weights * counts).sum()).tolist()))
    return Balance(focus=FOCUS) if kind == "focal" else Balance()


def balance_labels(kind: str, labels: np.ndarray) -> Balance:
    """Make up for rare labels where a row has any number of them: "weights" multiply each label's positives.

    Args:
        kind: "weights" or "focal"; others change no loss.
        labels: 0 or 1 for each row and label, [N, C].

    Returns:
        What the loss is changed by.
    """
    if kind == "weights":
        rows = len(labels)
        there = labels.sum(axis=0).clip(1, rows - 1)
        ratio = _effective(rows - there, rows) / _effective(there, rows)
        return Balance(weights=tuple(ratio.tolist()))
    return Balance(focus=FOCUS) if kind == "focal" else Balance()


def _effective(counts: np.ndarray, rows: int) -> np.ndarray:
    base = (rows - 1) / rows
    return (1 - base**counts) / (1 - base)
