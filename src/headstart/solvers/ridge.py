"""Ridge regression (Hoerl & Kennard 1970) with the penalty by exact leave-one-out (Allen 1974)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.solvers.columns import IN_WORDS, Columns, prepare, scalings
from headstart.solvers.folds import make_folds
from headstart.solvers.solution import Solution

PENALTIES = tuple(10.0 ** (-power / 4) for power in range(-12, 25))  # 1000 … 1e-6, of rows of length 1


def ridge(features: np.ndarray, values: np.ndarray, *, seed: int, groups: Sequence[str] | None = None) -> Solution:
    """Fit a linear layer by penalised least squares.

    Penalty and scaling are those with the lowest squared error of each row when it is left out, which follows from
    one decomposition; with groups, of each fold of groups.

    Args:
        features: [N, D].
        values: [N, T].
        seed: Of the folds of groups.
        groups: Of each row; rows of one group are left out together.

    Returns:
        The layer; its loss is the mean squared error over rows and columns.
    """
    fold = None if groups is None else make_folds(len(values), seed, groups=groups)
    tried = []
    for scaling in scalings(features):
        columns = prepare(features, scaling)
        for penalty, out in zip(PENALTIES, _left_out(columns, values, fold), strict=True):
            tried.append((float(np.square(out - values).mean()), penalty, out, scaling))
    loss, penalty, out, scaling = min(tried, key=lambda found: found[0])
    columns = prepare(features, scaling)
    weight, bias = columns.unfold(*_fit(_Decomposed(_dense(columns), values), penalty))
    how = "leave-one-out" if fold is None else f"{fold.max() + 1} folds of groups"
    note = f"ridge regression on {IN_WORDS[scaling]}, penalty {penalty:.2g} by {how} of {len(values):,} rows"
    return Solution(weight, bias, out, loss, note)


class _Decomposed:
    """Centred rows [N, R] by eigenvectors of their Gram matrix, and what the values are along them."""

    def __init__(self, rows: np.ndarray, values: np.ndarray) -> None:
        self.mean, self.centre = rows.mean(axis=0), values.mean(axis=0)
        self.rows, self.values = rows - self.mean, values - self.centre
        self.lengths, self.vectors = np.linalg.eigh(self.rows.T @ self.rows)  # [R], [R, R]
        self.lengths = self.lengths.clip(min=0)
        self.along = self.vectors.T @ (self.rows.T @ self.values)  # [R, T]


def _fit(found: _Decomposed, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    weight = (found.vectors @ (found.along / (found.lengths + penalty)[:, None])).T
    return weight, found.centre - weight @ found.mean


def _left_out(columns: Columns, values: np.ndarray, fold: np.ndarray | None) -> list[np.ndarray]:
    """Predict each row [N, T] without it, or without its fold, for each penalty."""
    rows = _dense(columns)
    if fold is None:
        found = _Decomposed(rows, values)
        turned = found.rows @ found.vectors  # [N, R]
        made = []
        for penalty in PENALTIES:
            shrunk = 1 / (found.lengths + penalty)
            fitted = turned @ (found.along * shrunk[:, None])
            lever = np.square(turned) @ shrunk + 1 / len(values)  # the mean is fitted too
            error = (found.values - fitted) / np.maximum(1 - lever, 1e-9)[:, None]
            made.append(values - error)
        return made
    parts = [(fold == number, _Decomposed(rows[fold != number], values[fold != number])) for number in np.unique(fold)]
    made = []
    for penalty in PENALTIES:
        out = np.empty_like(values, dtype=np.float64)
        for test, found in parts:
            weight, bias = _fit(found, penalty)
            out[test] = rows[test] @ weight.T + bias
        made.append(out)
    return made


def _dense(columns: Columns) -> np.ndarray:
    """Return the rows as an array; a wide sparse matrix is turned into its row space first."""
    rows = columns.rows
    return rows if isinstance(rows, np.ndarray) else rows.toarray()
