"""Gradient boosting of trees by histograms (Friedman 2001; Ke et al. 2017), their size by cross-validation.

scikit-learn grows the trees; they are handed on as plain arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from headstart.core.seeding import mix, numpy_generator
from headstart.solvers.folds import make_folds

MOST_ROUNDS, LEAST_ROUNDS = 200, 50  # each grows a tree an output
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
    grown = _Grown(features, labels, leaves, rounds, seed)
    asked = f"{total:,} rows" if total == len(chosen) else f"{len(chosen):,} of {total:,} rows"
    note = f"gradient boosting, {rounds} rounds of trees with at most {leaves} leaves by cross-validation of {asked}"
    return Boosted(grown.trees(), out_of_fold, note)


class _Tried(NamedTuple):
    """Each number of rounds in cross-validation: summed losses [folds, rounds], and outputs [rounds, N, outputs]."""

    losses: np.ndarray
    out: np.ndarray


def _best(tried: Sequence[_Tried], folds: np.ndarray) -> tuple[int, int]:
    """Return which trial and how many rounds have the least loss on some folds; of equals the smaller trees."""
    sums = np.stack([each.losses[folds].sum(axis=0) for each in tried])
    place, rounds = np.unravel_index(sums.argmin(), sums.shape)
    return int(place), int(rounds) + 1


def _validate(features: np.ndarray, labels: Labels, fold: np.ndarray, leaves: int, seed: int) -> _Tried:
    """Cross-validate each number of rounds of trees with so many leaves."""
    rounds = _most_rounds(labels.outputs)
    losses = np.zeros((int(fold.max()) + 1, rounds))
    out = np.empty((rounds, len(features), labels.outputs), dtype=np.float32)
    for number in np.unique(fold):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        held = labels.take(test)
        grown = _Grown(features[train], labels.take(train), leaves, rounds, seed)
        for place, found in enumerate(grown.staged(features[test])):
            out[place, test] = found
            losses[number, place] = held.losses(found).sum()
    return _Tried(losses, out)


class _Grown:
    """Boosters, one for all classes of rows that have one, else one for each output; what is constant needs none."""

    def __init__(self, features: np.ndarray, labels: Labels, leaves: int, rounds: int, seed: int) -> None:
        self.labels, self.rounds = labels, rounds
        self.start = np.zeros(labels.outputs)
        self.boosters: list[tuple[Any, list[int]]] = []  # with the output of each tree of a round
        least = int(np.clip(len(features) // SHARE, LEAST_ROWS, MOST_ROWS))
        options: dict[str, Any] = {
            "learning_rate": min(FASTEST, LEARNT / _most_rounds(labels.outputs)),
            "max_iter": rounds,
            "max_leaf_nodes": leaves,
            "min_samples_leaf": least,
            "max_bins": BINS if _even(labels.weights) is None else BINS_OF_WEIGHTED,
            "early_stopping": False,
            "random_state": seed % 2**31,
        }
        wide = np.asarray(features, dtype=np.float32)
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1 if len(wide) <= ALONE else None, user_api="openmp"):
            if labels.form == "one":
                self._grow_classes(wide, options)
            else:
                self._grow_each(wide, options)

    def _grow_classes(self, features: np.ndarray, options: dict[str, Any]) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier

        y, weights = self.labels.values, self.labels.weights
        present = np.unique(y)
        absent = np.setdiff1d(np.arange(self.labels.outputs), present)
        self.start[absent] = -np.log(2.0 * len(y) * self.labels.outputs)  # of a class without rows
        if len(present) == 1:
            return
        made = HistGradientBoostingClassifier(**options).fit(features, y, sample_weight=_even(weights))
        self.boosters.append((made, [int(present[1])] if len(present) == 2 else present.tolist()))

    def _grow_each(self, features: np.ndarray, options: dict[str, Any]) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingRegressor if self.labels.form == "values" else HistGradientBoostingClassifier
        for output in range(self.labels.outputs):
            y, weights = self.labels.values[:, output], self.labels.weights[:, output]
            if (y == y[0]).all():
                sure = float(np.log(2.0 * len(y)))
                self.start[output] = y[0] if self.labels.form == "values" else sure if y[0] else -sure
            else:
                made = kind(**options).fit(features, y, sample_weight=_even(weights))
                self.boosters.append((made, [output]))

    def staged(self, features: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the outputs [N, outputs] after each round."""
        wide = np.asarray(features, dtype=np.float32)
        values = self.labels.form == "values"
        stages = [
            made.staged_predict(wide) if values else made.staged_decision_function(wide) for made, _ in self.boosters
        ]
        for _ in range(self.rounds):
            out = np.tile(self.start, (len(wide), 1))
            for stage, (_, outputs) in zip(stages, self.boosters, strict=True):
                out[:, outputs] = np.reshape(next(stage), (len(wide), -1))
            yield out

    def trees(self) -> Trees:
        """Copy the trees out of scikit-learn's objects."""
        start, found, outputs = self.start.copy(), [], []
        for made, own in self.boosters:
            start[own] = made._baseline_prediction.ravel()
            for each in made._predictors:
                found += [tree.nodes for tree in each]
                outputs += own
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
