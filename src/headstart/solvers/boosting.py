"""Gradient boosting of trees by histograms (Friedman 2001; Ke et al. 2017), their size by cross-validation.

scikit-learn grows the trees; they are handed on as plain arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from headstart.core.seeding import mix, numpy_generator
from headstart.solvers.folds import make_folds

MOST_ROUNDS, LEAST_ROUNDS = 200, 50  # each grows a tree an output
AT_ONCE, GAINED = 50, 0.75  # rounds; no more are grown where the best number of them is below this share
MOST_TREES = 2000  # of all rounds, where that leaves enough rounds
LEARNT, FASTEST = 20.0, 0.3  # learning rate times rounds; the highest rate
LEAVES = (3, 8, 31)  # of a tree: from nearly additive to many interactions
LEAST_ROWS, MOST_ROWS, SHARE = 3, 20, 10  # in a leaf: a tenth of the rows, within these limits
CHOOSE = 3000  # rows at most that choose the size
BINS, BINS_OF_WEIGHTED = 255, 64  # of each column; weighted ones take long to find
ALONE = 20_000  # rows up to which one thread is as fast


@dataclass(frozen=True)
class Labels:
    """What trees are fitted to.

    Attributes:
        form: "one": one class of each row; "any": each class there or not; "values": numbers.
        values: Classes [N], or [N, C] of 0 and 1, or [N, T].
        weights: Of each row, [N] where each has one class, else [N, outputs].
        outputs: Numbers that are predicted for a row.
    """

    form: Literal["one", "any", "values"]
    values: np.ndarray
    weights: np.ndarray
    outputs: int

    def take(self, rows: np.ndarray) -> Labels:
        """Keep these rows."""
        return Labels(self.form, self.values[rows], self.weights[rows], self.outputs)

    def losses(self, out: np.ndarray) -> np.ndarray:
        """Compute the loss of each row, [N], of outputs [N, outputs]."""
        if self.form == "values":
            return (self.weights * np.square(out - self.values)).mean(axis=1)
        if self.form == "any":
            return (self.weights * (np.logaddexp(0, out) - self.values * out)).mean(axis=1)
        top = out.max(axis=1, keepdims=True)
        all_classes = np.log(np.exp(out - top).sum(axis=1)) + top[:, 0]
        return self.weights * (all_classes - out[np.arange(len(out)), self.values])


class Trees(NamedTuple):
    """Trees as arrays: [T] or, with as many places as the largest tree has nodes, [T, M].

    A row starts in node 0 of each tree and goes to `left` where its number `feature` is at most `threshold`, else to
    `right`; one that is nan goes to `left` where `missing` says so. A leaf leads to itself. `value` of the last node is
    added to the output `output` of the tree. `start`: what outputs begin with, [outputs]. depth: most steps.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing: np.ndarray
    value: np.ndarray
    output: np.ndarray
    start: np.ndarray
    depth: int


class Boosted(NamedTuple):
    """What was found.

    trees: grown on all rows. out_of_fold: [N, outputs], what trees give each row that were grown, and whose size was
    chosen, without it; nan where that was not asked. note: what was chosen, in words.
    """

    trees: Trees
    out_of_fold: np.ndarray
    note: str


def boost(features: np.ndarray, labels: Labels, *, seed: int, groups: Sequence[str] | None = None) -> Boosted:
    """Grow trees, their number and the leaves of each being those with the least loss in cross-validation.

    Args:
        features: [N, D].
        labels: What they are to give.
        seed: Of the folds.
        groups: Of each row; rows of one group are not divided among folds.

    Returns:
        The trees.
    """
    total = len(features)
    chosen = np.arange(total)
    if total > CHOOSE:
        chosen = np.sort(numpy_generator(seed, "boosting rows").permutation(total)[:CHOOSE])
    some = None if groups is None else [groups[int(row)] for row in chosen]
    strata = labels.values[chosen] if labels.form == "one" else None
    fold = make_folds(len(chosen), mix(seed, "boosting"), strata, some)
    fold %= 5  # as many as are worth their time, for few rows too
    with _threads(len(chosen)):
        tried: list[_Tried] = []
        for leaves in LEAVES:
            tried.append(_validate(features[chosen], labels.take(chosen), fold, leaves, seed))
            if len(tried) > 1 and tried[-1].losses.sum(axis=0).min() >= tried[-2].losses.sum(axis=0).min():
                break
    best, rounds = _best(tried, np.unique(fold))
    leaves, out = LEAVES[best], np.empty((len(chosen), labels.outputs))
    for number in np.unique(fold):  # what a row gets was chosen by rows of other folds
        place, until = _best(tried, np.setdiff1d(fold, [number]))
        out[fold == number] = tried[place].out[until - 1, fold == number]
    out_of_fold = np.full((total, labels.outputs), np.nan)
    out_of_fold[chosen] = out
    grown = _Grown(features, labels, leaves, seed)
    with _threads(total):
        grown.grow(rounds)
    asked = f"{total:,} rows" if total == len(chosen) else f"{len(chosen):,} of {total:,} rows"
    note = f"gradient boosting, {rounds} rounds of trees with at most {leaves} leaves by cross-validation of {asked}"
    return Boosted(grown.trees(), out_of_fold, note)


class _Tried(NamedTuple):
    """Each number of rounds in cross-validation: summed losses [folds, rounds], and outputs [rounds, N, outputs].

    Losses of more rounds than were grown are infinite.
    """

    losses: np.ndarray
    out: np.ndarray


def _best(tried: Sequence[_Tried], folds: np.ndarray) -> tuple[int, int]:
    """Return which trial and how many rounds have the least loss on some folds; of equals the smaller trees."""
    sums = np.stack([each.losses[folds].sum(axis=0) for each in tried])
    place, rounds = np.unravel_index(sums.argmin(), sums.shape)
    return int(place), int(rounds) + 1


def _validate(features: np.ndarray, labels: Labels, fold: np.ndarray, leaves: int, seed: int) -> _Tried:
    """Cross-validate each number of rounds of trees with so many leaves, until more do not help."""
    most = _most_rounds(labels.outputs)
    losses = np.full((int(fold.max()) + 1, most), np.inf)
    out = np.empty((most, len(features), labels.outputs), dtype=np.float32)
    folds = {}
    for number in np.unique(fold):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        folds[number] = _Grown(features[train], labels.take(train), leaves, seed), test
    losses[np.setdiff1d(np.arange(len(losses)), fold)] = 0
    for rounds in (*range(AT_ONCE, most, AT_ONCE), most):
        for number, (grown, test) in folds.items():
            grown.grow(rounds)
            held = labels.take(test)
            for place, found in enumerate(grown.staged(features[test])):
                out[place, test] = found
                losses[number, place] = held.losses(found).sum()
        if losses.sum(axis=0).argmin() < GAINED * rounds:
            break
    return _Tried(losses, out)


class _Booster(NamedTuple):
    """An object of scikit-learn, what it learns, and the output of each tree of a round."""

    made: Any
    labels: np.ndarray
    weights: np.ndarray | None
    outputs: list[int]


class _Grown:
    """Boosters, one for all classes of rows that have one, else one for each output; what is constant needs none."""

    def __init__(self, features: np.ndarray, labels: Labels, leaves: int, seed: int) -> None:
        self.features, self.outputs, self.rounds = np.asarray(features, dtype=np.float32), labels.outputs, 0
        self.values = labels.form == "values"
        self.start = np.zeros(labels.outputs)
        self.boosters: list[_Booster] = []
        least = int(np.clip(len(features) // SHARE, LEAST_ROWS, MOST_ROWS))
        options: dict[str, Any] = {
            "learning_rate": min(FASTEST, LEARNT / _most_rounds(labels.outputs)),
            "max_leaf_nodes": leaves,
            "min_samples_leaf": least,
            "max_bins": BINS if _even(labels.weights) is None else BINS_OF_WEIGHTED,
            "early_stopping": False,
            "warm_start": True,
            "random_state": seed % 2**31,
        }
        if labels.form == "one":
            self._plan_classes(labels, options)
        else:
            self._plan_each(labels, options)

    def _plan_classes(self, labels: Labels, options: dict[str, Any]) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier

        y = labels.values
        present = np.unique(y)
        absent = np.setdiff1d(np.arange(labels.outputs), present)
        self.start[absent] = -np.log(2.0 * len(y) * labels.outputs)  # of a class without rows
        if len(present) > 1:
            own = [int(present[1])] if len(present) == 2 else present.tolist()
            self.boosters.append(_Booster(HistGradientBoostingClassifier(**options), y, _even(labels.weights), own))

    def _plan_each(self, labels: Labels, options: dict[str, Any]) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingRegressor if self.values else HistGradientBoostingClassifier
        for output in range(labels.outputs):
            y = labels.values[:, output]
            if (y == y[0]).all():
                sure = float(np.log(2.0 * len(y)))
                self.start[output] = y[0] if self.values else sure if y[0] else -sure
            else:
                self.boosters.append(_Booster(kind(**options), y, _even(labels.weights[:, output]), [output]))

    def grow(self, rounds: int) -> None:
        """Go on to so many rounds."""
        self.rounds = rounds
        for each in self.boosters:
            each.made.set_params(max_iter=rounds).fit(self.features, each.labels, sample_weight=each.weights)

    def staged(self, features: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the outputs [N, outputs] after each round."""
        wide = np.asarray(features, dtype=np.float32)
        stages = [
            each.made.staged_predict(wide) if self.values else each.made.staged_decision_function(wide)
            for each in self.boosters
        ]
        for _ in range(self.rounds):
            out = np.tile(self.start, (len(wide), 1))
            for stage, each in zip(stages, self.boosters, strict=True):
                out[:, each.outputs] = np.reshape(next(stage), (len(wide), -1))
            yield out

    def trees(self) -> Trees:
        """Copy the trees out of scikit-learn's objects."""
        start, found, outputs = self.start.copy(), [], []
        for each in self.boosters:
            start[each.outputs] = each.made._baseline_prediction.ravel()
            for grown in each.made._predictors:
                found += [tree.nodes for tree in grown]
                outputs += each.outputs
        most = max((len(nodes) for nodes in found), default=1)
        shape = (len(found), most)
        itself = np.tile(np.arange(most), (len(found), 1))
        trees = Trees(
            np.zeros(shape, dtype=np.int32),
            np.zeros(shape, dtype=np.float32),
            itself.astype(np.int32),
            itself.astype(np.int32),
            np.zeros(shape, dtype=bool),
            np.zeros(shape, dtype=np.float32),
            np.array(outputs, dtype=np.int32),
            start.astype(np.float32),
            max((int(nodes["depth"].max()) for nodes in found), default=0),
        )
        for place, nodes in enumerate(found):
            inner = np.flatnonzero(~nodes["is_leaf"].astype(bool))
            trees.feature[place, inner] = nodes["feature_idx"][inner]
            trees.threshold[place, inner] = _rounded_down(nodes["num_threshold"][inner])
            trees.left[place, inner] = nodes["left"][inner]
            trees.right[place, inner] = nodes["right"][inner]
            trees.missing[place, inner] = nodes["missing_go_to_left"][inner]
            trees.value[place, : len(nodes)] = nodes["value"]
        return trees


def _threads(rows: int) -> AbstractContextManager[Any]:
    """Grow trees of few rows in one thread."""
    import sklearn.ensemble  # its library of threads is found only once it is there
    from threadpoolctl import threadpool_limits

    assert sklearn.ensemble
    return threadpool_limits(1 if rows <= ALONE else None, user_api="openmp")


def _most_rounds(outputs: int) -> int:
    return int(np.clip(MOST_TREES // outputs, LEAST_ROUNDS, MOST_ROUNDS))


def _even(weights: np.ndarray) -> np.ndarray | None:
    """Return weights, or None where all are the same: scikit-learn then bins columns many times faster."""
    return None if (weights == weights.flat[0]).all() else weights


def _rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """Round to 32 bits such that each number of 32 bits is on the same side as before; infinity to the largest one."""
    limit = np.finfo(np.float32).max
    near = np.clip(thresholds, -limit, limit).astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
