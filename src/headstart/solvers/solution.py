"""What a solver found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Solution(NamedTuple):
    """A linear layer at its optimum.

    weight: [C, D]. bias: [C]. out_of_fold: [N, C], what the layer gives each row when it was fitted without it, under
    the same penalty. loss: the mean loss of these. note: what was chosen, in words. chosen: the same, for `logistic`.
    """

    weight: np.ndarray
    bias: np.ndarray
    out_of_fold: np.ndarray
    loss: float
    note: str
    chosen: Sequence[Any] | None = None


def first_of_the_best(losses: Sequence[np.ndarray]) -> int:
    """Choose among fits, the plainest first: one that comes later has to be ahead by more than one standard error.

    Args:
        losses: Of each fit the losses of the same rows, [N].

    Returns:
        The place of the fit.
    """
    best = 0
    for place in range(1, len(losses)):
        gain = losses[best] - losses[place]
        if gain.mean() > gain.std() / np.sqrt(len(gain)):
            best = place
    return best
