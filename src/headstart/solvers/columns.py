"""Features as a solver sees them: centred and scaled, in no more dimensions than there are rows.

What is done to the columns is affine, so that weights found for them are weights of the features themselves
(`Columns.unfold`): a linear layer is all that is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import sparse

FEW = 2000  # rows up to which sparse features, too, are turned into their row space
SPARSE = 0.1  # share of numbers other than zero up to which features are kept as a sparse matrix
UNITS = 50  # times the median deviation, from which on the widest column is in another unit; of networks' features: 12
CONSTANT = 1e-6  # a column whose deviation is below this share of its size has none

Scaling = Literal["one", "each"]  # all columns divided by one number, or each by its own deviation
IN_WORDS: dict[Scaling, str] = {"one": "centred features", "each": "standardised features"}


@dataclass(frozen=True)
class Columns:
    """N rows for a solver; their length is 1 on average, so that a penalty means the same for any features.

    Attributes:
        rows: [N, R], R being at most N, or a sparse [N, D].
        mean: What was subtracted, [D].
        scale: What was divided by, [D]; infinite for a column without spread.
        turn: [R, N]; how much each row counts in each of R directions at right angles to each other. None where the
            dimensions are the columns.
        wide: [N, D], the rows that `turn` is of.
    """

    rows: Any
    mean: np.ndarray
    scale: np.ndarray
    turn: np.ndarray | None = None
    wide: Any = None

    def unfold(self, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn weights [C, R] and biases [C] for `rows` into those for the features, [C, D] and [C]."""
        wide = (weight if self.turn is None else (weight @ self.turn) @ self.wide) / self.scale
        return wide, bias - wide @ self.mean


def scalings(features: np.ndarray) -> tuple[Scaling, ...]:
    """Return the ways that are worth a try, the plainest first.

    Sparse features stay as they are. Columns in different units, as those of a table, say nothing by their size, which
    few rows would not show: they are standardised.
    """
    if is_sparse(features):
        return ("one",)
    deviation = features.std(axis=0, dtype=np.float64)
    varied = deviation[deviation > CONSTANT]
    apart = len(varied) and varied.max() > UNITS * np.median(varied)
    return ("each",) if apart else ("one", "each")


def prepare(features: np.ndarray, scaling: Scaling, *, turned: bool = True) -> Columns:
    """Centre and scale features, and turn them into their row space where that is smaller.

    A penalty on the squared weights is the same in the row space: what is at right angles to all rows stays zero
    (Kimeldorf & Wahba 1971). Sparse features are not centred, as nearly all zeros would then be lost.

    Args:
        features: [N, D].
        scaling: "each" standardises the columns; "one" keeps their relative sizes.
        turned: Whether sparse features, too, are turned into their row space.

    Returns:
        The columns.
    """
    if is_sparse(features):
        count, width = features.shape
        rows: Any = sparse.csr_matrix(features, dtype=np.float64)
        size = float(np.sqrt(np.square(rows.data).sum() / count)) or 1.0
        rows.data /= size
        mean, scale = np.zeros(width), np.full(width, size)
        return Columns(rows, mean, scale) if count >= width or count > FEW or not turned else _turned(rows, mean, scale)
    mean, scale = _mean_and_scale(features, scaling)
    wide = features.astype(np.float64)
    wide -= mean
    wide /= scale
    return Columns(wide, mean, scale) if len(wide) >= wide.shape[1] else _turned(wide, mean, scale)


def _mean_and_scale(features: np.ndarray, scaling: Scaling) -> tuple[np.ndarray, np.ndarray]:
    """Return what is subtracted from dense columns, and by what they are divided, each [D]."""
    mean = features.mean(axis=0, dtype=np.float64)
    deviation = features.std(axis=0, dtype=np.float64)
    learnt = deviation > CONSTANT * np.maximum(np.abs(mean), CONSTANT)
    size = deviation if scaling == "each" else np.sqrt(np.square(deviation[learnt]).mean()) if learnt.any() else 1.0
    return mean, np.where(learnt, size * np.sqrt(max(learnt.sum(), 1)), np.inf)


def divide(
    features: np.ndarray, scaling: Scaling, fold: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, Any, Any]]:
    """Prepare the folds of a cross-validation.

    Columns that are scaled one by one are scaled by the rows that learn: by all rows, a column that is nearly constant
    would look the same in the rows that judge, and be far out in new ones. One number for all columns deceives nobody.

    Args:
        features: [N, D].
        scaling: As in `prepare`.
        fold: Of each row, [N].

    Yields:
        The places of the rows that learn, those of the rows that judge, and both as a solver sees them.
    """
    shared = prepare(features, scaling).rows if scaling == "one" else None
    for number in np.unique(fold):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if shared is not None:
            yield train, test, shared[train], shared[test]
            continue
        columns = prepare(features[train], scaling)
        unseen = (features[test] - columns.mean) / columns.scale
        if columns.turn is not None:
            unseen = (unseen @ columns.wide.T) @ columns.turn.T
        yield train, test, columns.rows, unseen


@dataclass(frozen=True)
class Shared:
    """All rows as the folds of a cross-validation see them, so that one product serves all these folds.

    Attributes:
        rows: [N, R].
        folds: Numbers of the folds, F of them.
        stretch: [F, R], the rows times this, plus `shift`, are those of a fold; None where all see the same.
        shift: [F, R].
    """

    rows: Any
    folds: np.ndarray
    stretch: np.ndarray | None = None
    shift: np.ndarray | None = None


def share(
    features: np.ndarray, scaling: Scaling, fold: np.ndarray, prepared: Callable[[Scaling], Columns]
) -> list[Shared]:
    """Prepare the folds of a cross-validation as `divide` does, in as few parts as can be.

    Args:
        features: [N, D].
        scaling: As in `prepare`.
        fold: Of each row, [N].
        prepared: Gives these features as `prepare` does; it is asked where that is needed.

    Returns:
        The parts.
    """
    folds = np.unique(fold)
    if scaling == "one":
        return [Shared(prepared(scaling).rows, folds)]
    if len(features) >= features.shape[1]:
        rows = prepared(scaling)
        own = [_mean_and_scale(features[fold != number], scaling) for number in folds]
        finite = np.where(np.isfinite(rows.scale), rows.scale, 0.0)
        stretch = np.stack([finite / scale for _, scale in own])
        return [Shared(rows.rows, folds, stretch, np.stack([(rows.mean - mean) / scale for mean, scale in own]))]
    parts = []
    for number, (train, test, seen, unseen) in zip(folds, divide(features, scaling, fold), strict=True):
        rows = np.empty((len(features), seen.shape[1]))
        rows[train], rows[test] = seen, unseen
        parts.append(Shared(rows, np.array([number])))
    return parts


def _turned(wide: Any, mean: np.ndarray, scale: np.ndarray) -> Columns:
    """Turn N rows of more columns into their row space, by the eigenvectors of their products with each other."""
    products = wide @ wide.T
    values, vectors = np.linalg.eigh(products if isinstance(products, np.ndarray) else products.toarray())
    kept = values > 1e-10 * max(values.max(), 1e-300)
    lengths = np.sqrt(values[kept])
    return Columns(vectors[:, kept] * lengths, mean, scale, (vectors[:, kept] / lengths).T, wide)


def is_sparse(features: np.ndarray) -> bool:
    """Return whether nearly all numbers are zero, as with counts of words."""
    return bool(np.count_nonzero(features) <= SPARSE * features.size)
