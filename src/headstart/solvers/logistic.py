"""Logistic regression with a squared penalty, by L-BFGS (Liu & Nocedal 1989); the penalty by cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

from headstart.core.seeding import numpy_generator
from headstart.solvers.columns import IN_WORDS, Scaling, divide, prepare, scalings
from headstart.solvers.folds import make_folds
from headstart.solvers.solution import Solution, first_of_the_best

PENALTIES = tuple(10.0 ** (-power / 2) for power in range(-4, 15))  # 100 … 1e-7, of rows of length 1
FIRST = 4  # place of the penalty that is tried first: 1
CHOOSE = 2000  # rows at most that choose the penalty; all rows make the weights
STEPS = 300  # of L-BFGS, at most
EXACT, ROUGH = 1e-6, 1e-4  # largest entry of the mean gradient that is small enough: for the weights, for a choice


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

    def row_losses(self, out: np.ndarray) -> np.ndarray:
        """Compute what each row adds to the loss, [N]."""
        return (self.weights * self._each(out)[0]).sum(axis=1)

    def _each(self, out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the losses [N, C] before they are weighted, and their gradient by the outputs."""
        if self.link == "softmax":
            logs = log_softmax(out, axis=1)
            return -(self.targets * logs), np.exp(logs) - self.targets
        return np.logaddexp(0, out) - self.targets * out, expit(out) - self.targets


def logistic(
    features: np.ndarray,
    problem: Problem,
    *,
    seed: int,
    strata: np.ndarray | None = None,
    groups: Sequence[str] | None = None,
    chosen: Sequence[Any] | None = None,
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

    Returns:
        The layer. Rows that did not choose the penalty have no `out_of_fold`: it is nan for them.
    """
    if chosen is None:
        loss, out_of_fold, penalty, scaling, asked = _choose(features, problem, seed, strata, groups)
        how = f"by cross-validation of {asked}"
    else:
        (scaling, penalty), how = chosen, "as chosen before"
        loss, out_of_fold = np.nan, np.full(problem.targets.shape, np.nan)
    columns = prepare(features, scaling)
    weight, bias = columns.unfold(*_fit(columns.rows, problem, penalty, None, EXACT))
    note = f"logistic regression on {IN_WORDS[scaling]}, penalty {penalty:.2g} {how}"
    return Solution(weight, bias, out_of_fold, loss, note, (scaling, penalty))


def _choose(
    features: np.ndarray, problem: Problem, seed: int, strata: np.ndarray | None, groups: Sequence[str] | None
) -> tuple[float, np.ndarray, float, Scaling, str]:
    """Choose penalty and scaling; return the loss, what rows get that are left out, both, and who was asked."""
    total = len(features)
    some = np.arange(total)
    if total > CHOOSE:
        some = np.sort(numpy_generator(seed, "solver rows").permutation(total)[:CHOOSE])
    named = None if groups is None else [groups[int(row)] for row in some]
    fold = make_folds(len(some), seed, None if strata is None else strata[some], named)
    tried, asked, place, strides = [], problem.take(some), FIRST, (2, 1)
    for scaling in scalings(features):
        found, place = _search(_Path(features[some], scaling, asked, fold), place, strides)
        tried.append((*found, PENALTIES[place], scaling))
        strides = (1,)  # rows are of one length on average: another scaling does best under much the same penalty
    loss, out, penalty, scaling = tried[first_of_the_best([asked.row_losses(found[1]) for found in tried])]
    out_of_fold = np.full(problem.targets.shape, np.nan)
    out_of_fold[some] = out
    rows = f"{len(some):,} rows" if total == len(some) else f"{len(some):,} of {total:,} rows"
    return loss, out_of_fold, penalty, scaling, rows


class _Path:
    """Cross-validated losses by the place of a penalty; each fit goes on from that of the nearest stronger one."""

    def __init__(self, features: np.ndarray, scaling: Scaling, problem: Problem, fold: np.ndarray) -> None:
        self.problem = problem
        self.parts = [
            (rows.astype(np.float32), problem.take(train), unseen, test)  # half the time, and enough for a choice
            for train, test, rows, unseen in divide(features, scaling, fold)
        ]
        self.fits: dict[int, list[Any]] = {}
        self.found: dict[int, tuple[float, np.ndarray]] = {}

    def at(self, place: int) -> tuple[float, np.ndarray]:
        """Return the mean loss and the outputs [N, C] of rows that were left out."""
        if place not in self.found:
            stronger = [other for other in self.fits if other < place]
            starts = self.fits[max(stronger)] if stronger else [None] * len(self.parts)
            penalty, out, fits = PENALTIES[place], np.empty(self.problem.targets.shape), []
            for (rows, asked, unseen, test), start in zip(self.parts, starts, strict=True):
                weight, bias = _fit(rows, asked, penalty, start, ROUGH)
                fits.append((weight, bias))
                out[test] = unseen @ weight.T + bias
            self.fits[place] = fits
            self.found[place] = self.problem.loss(out)[0] / self.problem.weights.sum(), out
        return self.found[place]


def _search(path: _Path, place: int, strides: Sequence[int]) -> tuple[tuple[float, np.ndarray], int]:
    """Go from a penalty to weaker ones while the loss falls, else to stronger ones, stride by stride.

    The loss of rows that are left out falls and then rises with the penalty, but for noise.
    """
    for stride in strides:
        for step in (stride, -stride):
            while 0 <= place + step < len(PENALTIES) and path.at(place + step)[0] < path.at(place)[0]:
                place += step
    return path.at(place), place


def _fit(rows: Any, problem: Problem, penalty: float, start: Any, small: float) -> tuple[np.ndarray, np.ndarray]:
    """Minimise the summed loss plus half the penalty times the squared weights; the biases are free.

    It ends where no entry of the gradient is above `small` times the summed weights of the rows.
    """
    classes, width = problem.targets.shape[1], rows.shape[1]

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        both = flat.reshape(classes, width + 1)
        weight, bias = both[:, :-1], both[:, -1]
        loss, slope = problem.loss((rows @ weight.T.astype(rows.dtype)).astype(np.float64) + bias)
        pull = (rows.T @ slope.astype(rows.dtype)).T.astype(np.float64) + penalty * weight
        gradient = np.concatenate([pull, slope.sum(axis=0)[:, None]], axis=1)
        return loss + penalty / 2 * float(np.square(weight).sum()), gradient.ravel()

    first = np.zeros(classes * (width + 1)) if start is None else np.concatenate([start[0], start[1][:, None]], 1)
    options = {"maxiter": STEPS, "gtol": small * problem.weights.sum(), "ftol": 1e-12, "maxcor": 20}
    ended: Any = minimize(value, first.ravel(), jac=True, method="L-BFGS-B", options=options)
    both = ended.x.reshape(classes, width + 1)
    return both[:, :-1], both[:, -1]
