"""Logistic regression with a squared penalty, by L-BFGS (Liu & Nocedal 1989); the penalty by cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

from headstart.core.seeding import numpy_generator
from headstart.solvers.columns import IN_WORDS, Columns, Scaling, Shared, is_sparse, prepare, scalings, share
from headstart.solvers.folds import make_folds
from headstart.solvers.solution import Solution, first_of_the_best
from headstart.solvers.threads import alone_where_small

PENALTIES = tuple(10.0 ** (-power / 2) for power in range(-4, 15))  # 100 … 1e-7, of rows of length 1
FIRST = 4  # place of the penalty that is tried first: 1
CHOOSE = 2000  # rows at most that choose the penalty; all rows make the weights
AT_ONCE = 500_000  # numbers of output, of all folds that are fitted at once
STEPS = 300  # of L-BFGS, at most
FAR = 4.0  # times the loss at its end, from which on a start says little of it
FLAT = 1e-9  # of the summed weights of the rows, the least curvature that is believed
EXACT, ROUGH = 1e-6, 1e-2  # of its loss, by how much a fit may miss the least: for the weights, for a choice


@dataclass(frozen=True)
class Problem:
    """What the rows of features are to give.

    Attributes:
        targets: [N, C], the probability of each class for each row.
        weights: [N, C] for "sigmoid", [N, 1] for "softmax": how much a row counts.
        link: "softmax" where a row is of one class, "sigmoid" where each class is a question of its own.
    """

    targets: np.ndarray
    weights: np.ndarray
    link: Literal["softmax", "sigmoid"]

    def take(self, rows: np.ndarray) -> Problem:
        """Return some of the rows."""
        return Problem(self.targets[rows], self.weights[rows], self.link)

    def loss(self, out: np.ndarray) -> tuple[float, np.ndarray]:
        """Compute the summed loss of outputs [N, C], and its gradient by them."""
        each, slope = self._each(out)
        return float((self.weights * each).sum()), self.weights * slope

    def curvature(self, out: np.ndarray) -> np.ndarray:
        """Compute the second derivative of the summed loss by each output, [N, C]."""
        given = expit(out) if self.link == "sigmoid" else np.exp(log_softmax(out, axis=-1))
        return self.weights * given * (1 - given)

    def row_losses(self, out: np.ndarray) -> np.ndarray:
        """Compute what each row adds to the loss, [N]."""
        return (self.weights * self._each(out)[0]).sum(axis=1)

    def _each(self, out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the losses [N, C] before they are weighted, and their gradient by the outputs."""
        if self.link == "softmax":
            logs = log_softmax(out, axis=-1)
            return -(self.targets * logs), np.exp(logs) - self.targets
        return np.logaddexp(0, out) - self.targets * out, expit(out) - self.targets


@alone_where_small
def logistic(
    features: np.ndarray,
    problem: Problem,
    *,
    seed: int,
    strata: np.ndarray | None = None,
    groups: Sequence[str] | None = None,
    chosen: Sequence[Any] | None = None,
    left_out: bool = False,
) -> Solution:
    """Fit a linear layer by penalised maximum likelihood.

    The penalty is that with the lowest cross-validated loss on at most `CHOOSE` rows; features are standardised where
    that lowers it by more than noise.

    Args:
        features: [N, D].
        problem: What the rows are to give.
        seed: Of the folds.
        strata: [N]; folds get about the same share of each of them.
        groups: Of each row; rows of one group are not divided among folds.
        chosen: The scaling and the penalty to take, as `Solution.chosen`; None lets the rows choose.
        left_out: Whether rows are left out in turn, too, where nothing has to be chosen: `out_of_fold` of other folds.

    Returns:
        The layer. Rows that did not choose the penalty have no `out_of_fold`: it is nan for them.
    """
    prepared = cache(partial(prepare, features))
    if chosen is None:
        loss, out_of_fold, penalty, scaling, asked = _choose(features, prepared, problem, seed, strata, groups)
        how = f"by cross-validation of {asked}"
    else:
        (scaling, penalty), how = chosen, "as chosen before"
        loss, out_of_fold = np.nan, np.full(problem.targets.shape, np.nan)
        if left_out:
            some, fold = _asked(len(features), seed, strata, groups)
            few, own = _taken(features, prepared, some)
            path = _Path(share(few, scaling, fold, own), problem.take(some), fold)
            loss, out_of_fold[some] = path.at(PENALTIES.index(penalty))
    columns = prepare(features, scaling, turned=False) if is_sparse(features) else prepared(scaling)
    weight, bias = columns.unfold(*_fit(columns.rows, problem, penalty))
    note = f"logistic regression on {IN_WORDS[scaling]}, penalty {penalty:.2g} {how}"
    return Solution(weight, bias, out_of_fold, loss, note, (scaling, penalty))


def _choose(
    features: np.ndarray,
    prepared: Callable[[Scaling], Columns],
    problem: Problem,
    seed: int,
    strata: np.ndarray | None,
    groups: Sequence[str] | None,
) -> tuple[float, np.ndarray, float, Scaling, str]:
    """Choose penalty and scaling; return the loss, what rows get that are left out, both, and who was asked."""
    total = len(features)
    some, fold = _asked(total, seed, strata, groups)
    features, prepared = _taken(features, prepared, some)
    tried, asked, place, strides = [], problem.take(some), FIRST, (2, 1)
    for scaling in scalings(features):
        found, place = _search(_Path(share(features, scaling, fold, prepared), asked, fold), place, strides)
        tried.append((*found, PENALTIES[place], scaling))
        strides = (1,)  # rows are of one length on average: another scaling does best under much the same penalty
    loss, out, penalty, scaling = tried[first_of_the_best([asked.row_losses(found[1]) for found in tried])]
    out_of_fold = np.full(problem.targets.shape, np.nan)
    out_of_fold[some] = out
    rows = f"{len(some):,} rows" if total == len(some) else f"{len(some):,} of {total:,} rows"
    return loss, out_of_fold, penalty, scaling, rows


def _asked(
    total: int, seed: int, strata: np.ndarray | None, groups: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the rows that are left out in turn, and their folds."""
    some = np.arange(total)
    if total > CHOOSE:
        some = np.sort(numpy_generator(seed, "solver rows").permutation(total)[:CHOOSE])
    named = None if groups is None else [groups[int(row)] for row in some]
    return some, make_folds(len(some), seed, None if strata is None else strata[some], named)


def _taken(
    features: np.ndarray, prepared: Callable[[Scaling], Columns], some: np.ndarray
) -> tuple[np.ndarray, Callable[[Scaling], Columns]]:
    """Take some of the rows, with what prepares them."""
    if len(some) == len(features):
        return features, prepared
    return features[some], cache(partial(prepare, features[some]))


class _Path:
    """Cross-validated losses by the place of a penalty; each fit goes on from that of the nearest stronger one."""

    def __init__(self, parts: Sequence[Shared], problem: Problem, fold: np.ndarray) -> None:
        self.problem, self.fold = problem, fold
        most = max(1, AT_ONCE // problem.targets.size)
        self.parts = [
            _Folds(_in_float32(part, slice(start, start + most)), problem, fold)
            for part in parts
            for start in range(0, len(part.folds), most)
        ]
        self.fits: dict[int, list[np.ndarray]] = {}
        self.found: dict[int, tuple[float, np.ndarray]] = {}

    def at(self, place: int) -> tuple[float, np.ndarray]:
        """Return the mean loss and the outputs [N, C] of rows that were left out."""
        if place not in self.found:
            stronger = [other for other in self.fits if other < place]
            starts = self.fits[max(stronger)] if stronger else [part.start for part in self.parts]
            out, fits = np.empty(self.problem.targets.shape), []
            for part, start in zip(self.parts, starts, strict=True):
                fits.append(_minimise(part, PENALTIES[place], start, ROUGH, 6))
                for number, given in zip(part.shared.folds, part.out(fits[-1]).swapaxes(0, 1), strict=True):
                    out[self.fold == number] = given[self.fold == number]
            self.fits[place] = fits
            self.found[place] = self.problem.loss(out)[0] / self.problem.weights.sum(), out
        return self.found[place]


def _in_float32(part: Shared, some: slice) -> Shared:
    """Take some of the folds, in half the bytes, which is enough for a choice."""
    shift, stretch = (None if each is None else each[some] for each in (part.shift, part.stretch))
    return Shared(part.rows.astype(np.float32), part.folds[some], stretch, shift)


class _Folds:
    """The fits of several folds at once: [F, C, R + 1] weights and biases, whose loss is the sum of all of theirs."""

    def __init__(self, shared: Shared, problem: Problem, fold: np.ndarray) -> None:
        self.shared, count = shared, len(shared.folds)
        learns = fold[:, None] != shared.folds  # [N, F]
        self.problem = Problem(problem.targets[:, None], problem.weights[:, None] * learns[:, :, None], problem.link)
        self.squares = _mean_squares(shared, learns)
        self.start = np.zeros((count, problem.targets.shape[1], shared.rows.shape[1] + 1))
        self.least = float(self.problem.weights.sum(axis=(0, 2)).min())

    def out(self, both: np.ndarray) -> np.ndarray:
        """Compute the outputs of all rows by the fit of each fold, [N, F, C]."""
        weight, bias, shared = both[:, :, :-1], both[:, :, -1], self.shared
        if shared.shift is not None and shared.stretch is not None:
            bias = bias + np.einsum("fcr,fr->fc", weight, shared.shift)
            weight = weight * shared.stretch[:, None]
        flat = weight.reshape(bias.size, weight.shape[2]).astype(shared.rows.dtype)  # of no width, where rows are alike
        return (shared.rows @ flat.T).astype(np.float64).reshape(-1, *bias.shape) + bias

    def steps(self, penalty: float, both: np.ndarray) -> np.ndarray:
        """Estimate how far each weight may go at once: one over the root of the curvature along it, [F, C, R + 1].

        The curvature of the outputs is that at `both`, and taken to be the same for all rows.
        """
        bend = self.problem.curvature(self.out(both)).sum(axis=0)[:, :, None]  # [F, C, 1]
        along = np.concatenate([bend * self.squares[:, None] + penalty, bend], axis=2)
        return 1 / np.sqrt(np.maximum(along, FLAT * self.least))

    def value(self, penalty: float, both: np.ndarray) -> tuple[float, np.ndarray]:
        """Compute the summed loss with the penalty, and its gradient."""
        weight, shared = both[:, :, :-1], self.shared
        loss, slope = self.problem.loss(self.out(both))
        ends = slope.sum(axis=0)[:, :, None]
        pull = (shared.rows.T @ slope.reshape(len(slope), -1).astype(shared.rows.dtype)).T.astype(np.float64)
        pull = pull.reshape(weight.shape)
        if shared.shift is not None and shared.stretch is not None:
            pull = pull * shared.stretch[:, None] + ends * shared.shift[:, None]
        gradient = np.concatenate([pull + penalty * weight, ends], axis=2)
        return loss + penalty / 2 * float(np.square(weight).sum()), gradient


def _mean_squares(shared: Shared, learns: np.ndarray) -> np.ndarray:
    """Compute the mean square of each column over the rows that learn in each fold, [F, R]."""
    rows, part = shared.rows, (learns / learns.sum(axis=0)).T.astype(shared.rows.dtype)  # [F, N]
    squares = part @ (rows.multiply(rows) if sparse.issparse(rows) else np.square(rows))
    if shared.shift is None or shared.stretch is None:
        return squares.astype(np.float64)
    means = part @ rows
    return np.square(shared.stretch) * squares + 2 * shared.stretch * shared.shift * means + np.square(shared.shift)


def _search(path: _Path, place: int, strides: Sequence[int]) -> tuple[tuple[float, np.ndarray], int]:
    """Go from a penalty to weaker ones while the loss falls, else to stronger ones, stride by stride.

    The loss of rows that are left out falls and then rises with the penalty, but for noise.
    """
    for stride in strides:
        for step in (stride, -stride):
            while 0 <= place + step < len(PENALTIES) and path.at(place + step)[0] < path.at(place)[0]:
                place += step
    return path.at(place), place


def _fit(rows: Any, problem: Problem, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Minimise the summed loss plus half the penalty times the squared weights; the biases are free.

    The first part of the way is gone in float32, in half the time.
    """
    everyone = np.full(len(problem.targets), -1)  # in no fold that is left out
    both = None
    for dtype, small in ((np.float32, ROUGH), (np.float64, EXACT)):
        whole = _Folds(Shared(rows.astype(dtype), np.zeros(1, int)), problem, everyone)
        start = whole.start if both is None else both
        both = _minimise(whole, penalty, start, small, 20)
    assert both is not None
    return both[0, :, :-1], both[0, :, -1]


def _minimise(folds: _Folds, penalty: float, start: np.ndarray, small: float, memory: int) -> np.ndarray:
    """Go down from a start, each weight in steps of its own length, which takes a third of the evaluations.

    With weights in these steps the curvature is about 1, so that half the squared gradient says how far the loss is
    from its least. It ends where no entry is larger than all would be if it were `small` times what it is at the start.

    Args:
        folds: What is minimised.
        penalty: On the squared weights.
        start: [F, C, R + 1].
        small: By how much the loss may miss its least, as a share of the loss at the start.
        memory: Steps that are remembered.

    Returns:
        The weights and biases, as `start`.
    """
    options = {"maxiter": STEPS, "ftol": 1e-12, "maxcor": memory}
    while True:
        steps, first = folds.steps(penalty, start), folds.value(penalty, start)[0]

        def flat(x: np.ndarray, steps: np.ndarray = steps) -> tuple[float, np.ndarray]:
            loss, gradient = folds.value(penalty, x.reshape(steps.shape) * steps)
            return loss, (gradient * steps).ravel()

        enough = float(np.sqrt(2 * small * first / start.size))
        ended: Any = minimize(
            flat, (start / steps).ravel(), jac=True, method="L-BFGS-B", options={**options, "gtol": enough}
        )
        start = ended.x.reshape(start.shape) * steps
        if folds.problem.link == "softmax":  # what all classes have in common changes no answer, and costs penalty
            start = start - start.mean(axis=1, keepdims=True)
        if ended.fun >= first / FAR or ended.fun <= FLAT * folds.least:
            return start  # else the start was so far away that its steps and its loss say little
