"""The log of the expected empirical prediction, which scores on probabilities of other classes share."""

from __future__ import annotations

import numpy as np


def log_expected_prediction(other: np.ndarray, classes: np.ndarray) -> float:
    """Score how well probabilities of other classes tell the classes of rows (equation 2 of arXiv:2002.12462).

    With the empirical joint P(y, z) = mean of theta(x)_z over the rows of class y, a row is predicted by
    sum_z P(y | z) theta(x)_z.

    Args:
        other: Probabilities theta of S other classes, [N, S].
        classes: One column of 0 and 1 a class, [N, C].

    Returns:
        The mean log of what is predicted for the class that each row has, at most 0.
    """
    joint = classes.T @ other  # [C, S], times N
    known = joint.sum(axis=0) > 0
    conditional = joint[:, known] / joint[:, known].sum(axis=0)
    predicted = ((classes @ conditional) * other[:, known]).sum(axis=1)
    return float(np.log(predicted).mean())
