"""What a solver found."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Solution(NamedTuple):
    """A linear layer at its optimum.

    weight: [C, D]. bias: [C]. out_of_fold: [N, C], what the layer gives each row when it was fitted without it, under
    the same penalty. loss: the mean loss of these. note: what was chosen, in words.
    """

    weight: np.ndarray
    bias: np.ndarray
    out_of_fold: np.ndarray
    loss: float
    note: str
