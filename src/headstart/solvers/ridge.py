"""Ridge regression (Hoerl & Kennard 1970) with the penalty by exact leave-one-out (Allen 1974)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, lsmr

from headstart.core.seeding import numpy_generator
from headstart.solvers.columns import FEW, IN_WORDS, Scaling, divide, is_sparse, prepare, scalings
from headstart.solvers.folds import make_folds
from headstart.solvers.solution import Solution, first_of_the_best
from headstart.solvers.threads import alone_where_small

PENALTIES = tuple(10.0 ** (-power / 4) for power in range(-12, 25))  # 1000 … 1e-6, of rows of length 1


@alone_where_small
def ridge(
    features: np.ndarray,
    values: np.ndarray,
    *,
    seed: int,
    groups: Sequence[str] | None = None,
    weights: np.ndarray | None = None,
) -> Solution:
    """Fit a linear layer by penalised least squares.

    The penalty is that with the lowest squared error of each row when it is left out. The errors follow from one
    decomposition; with groups, of each fold of groups. Features are standardised where that lowers the errors by more
    than noise, those of folds too. Of many sparse rows `FEW` choose.

    Args:
        features: [N, D].
        values: [N, T].
        seed: Of the folds of groups.
        groups: Of each row; rows of one group are left out together.
        weights: Of each row's squared error, [N] ≥ 0; only their ratios count. None is 1 for each.

    Returns:
        The layer; its loss is the weighted mean of the squared errors over rows and columns. Rows that did not choose
        the penalty have no `out_of_fold`: it is nan for them.
    """
    total = len(features)
    counts = np.ones(total) if weights is None else weights / weights.mean()
    chosen = np.arange(total)
    if total > FEW and is_sparse(features):  # the decomposition of more would take long
        chosen = np.sort(numpy_generator(seed, "solver rows").permutation(total)[:FEW])
    named = None if groups is None else [groups[int(row)] for row in chosen]
    fold = None if named is None else make_folds(len(chosen), seed, groups=named)
    some, wanted, own, tried = features[chosen], values[chosen], counts[chosen], []
    for scaling in scalings(features):
        outs = (
            _left_out(some, scaling, wanted, own)
            if fold is None
            else _by_folds(some, scaling, wanted, own, fold, PENALTIES)
        )
        losses = [float(_errors(out, wanted, own).mean()) for out in outs]
        place = losses.index(min(losses))
        tried.append((losses[place], PENALTIES[place], outs[place], scaling))
    best = first_of_the_best([_errors(out, wanted, own) for _, _, out, _ in tried])
    if best:  # what is left out was scaled with the others: ask once more, of rows that had no part in the scales
        halves = make_folds(len(chosen), seed) if fold is None else fold
        outs = [_by_folds(some, scaling, wanted, own, halves, [penalty])[0] for _, penalty, _, scaling in tried]
        best = first_of_the_best([_errors(out, wanted, own) for out in outs])
    loss, penalty, out, scaling = tried[best]
    columns = prepare(features, scaling)
    if len(chosen) < total:
        weight, bias = columns.unfold(*_iterated(columns.rows, values, counts, penalty))
    else:
        weight, bias = columns.unfold(*_fit(_Decomposed(_dense(columns.rows), values, counts), penalty))
    out_of_fold = np.full(values.shape, np.nan)
    out_of_fold[chosen] = out
    how = "leave-one-out" if fold is None else f"{fold.max() + 1} folds of groups"
    rows = f"{total:,} rows" if len(chosen) == total else f"{len(chosen):,} of {total:,} rows"
    note = f"ridge regression on {IN_WORDS[scaling]}, penalty {penalty:.2g} by {how} of {rows}"
    return Solution(weight, bias, out_of_fold, loss, note)


def _errors(out: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted squared error of each row, [N], over columns."""
    return weights * np.square(out - values).mean(axis=1)


def _iterated(
    rows: sparse.csr_matrix, values: np.ndarray, weights: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit sparse rows [N, D] without a decomposition (LSMR, Fong & Saunders 2011), the mean taken off on the way."""
    share, root = weights / weights.sum(), np.sqrt(weights)
    mean, centre = rows.T @ share, share @ values
    operator: Any = LinearOperator  # its stubs know only the base class
    centred = operator(
        rows.shape,
        matvec=lambda w: root * (rows @ w - mean @ w),
        rmatvec=lambda r: rows.T @ (root * r) - mean * (root @ r),
        dtype=np.float64,
    )
    columns = (root[:, None] * (values - centre)).T
    weight = np.stack([lsmr(centred, column, damp=penalty**0.5, atol=1e-8, btol=1e-8)[0] for column in columns])
    return weight, centre - weight @ mean


class _Decomposed:
    """Centred rows [N, R] by eigenvectors of their weighted Gram matrix, and what the values are along them."""

    def __init__(self, rows: np.ndarray, values: np.ndarray, weights: np.ndarray) -> None:
        self.share = weights / weights.sum()  # of each row in the means
        self.mean, self.centre = self.share @ rows, self.share @ values
        self.rows, self.values = rows - self.mean, values - self.centre
        weighted = weights[:, None] * self.rows
        self.lengths, self.vectors = np.linalg.eigh(self.rows.T @ weighted)  # [R], [R, R]
        self.lengths = self.lengths.clip(min=0)
        self.along = self.vectors.T @ (weighted.T @ self.values)  # [R, T]


def _fit(found: _Decomposed, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    weight = (found.vectors @ (found.along / (found.lengths + penalty)[:, None])).T
    return weight, found.centre - weight @ found.mean


def _left_out(features: np.ndarray, scaling: Scaling, values: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """Predict each row [N, T] without it, for each penalty. All rows scale the columns."""
    found = _Decomposed(_dense(prepare(features, scaling).rows), values, weights)
    turned = found.rows @ found.vectors  # [N, R]
    made = []
    for penalty in PENALTIES:
        shrunk = 1 / (found.lengths + penalty)
        fitted = turned @ (found.along * shrunk[:, None])
        lever = weights * (np.square(turned) @ shrunk) + found.share  # the mean is fitted too
        error = (found.values - fitted) / np.maximum(1 - lever, 1e-9)[:, None]
        made.append(values - error)
    return made


def _by_folds(
    features: np.ndarray,
    scaling: Scaling,
    values: np.ndarray,
    weights: np.ndarray,
    fold: np.ndarray,
    penalties: Sequence[float],
) -> list[np.ndarray]:
    """Predict each row [N, T] without its fold, for each penalty."""
    made = [np.empty(values.shape) for _ in penalties]
    for train, test, rows, unseen in divide(features, scaling, fold):
        found = _Decomposed(_dense(rows), values[train], weights[train])
        for out, penalty in zip(made, penalties, strict=True):
            weight, bias = _fit(found, penalty)
            out[test] = _dense(unseen) @ weight.T + bias
    return made


def _dense(rows: Any) -> np.ndarray:
    """Return rows as an array; sparse ones are few columns, as wide ones were turned into their row space."""
    return rows if isinstance(rows, np.ndarray) else rows.toarray()
