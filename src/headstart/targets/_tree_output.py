"""Probabilities of classes in a tree: that of the parent times that of the class among its siblings. Imports torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.special import log_softmax

from headstart.core.types import Labels, Solving
from headstart.solvers.logistic import Problem, logistic
from headstart.solvers.solution import Solution
from headstart.targets._outputs import ClassOutput
from headstart.targets._solvers import class_weights


class TreeOutput(ClassOutput):
    """Exactly one class, under one of P parents: log p(class) = log p(parent) + log p(class | parent).

    So the probability of a parent is the sum of those of its classes, and the cross-entropy of the class holds that of
    the parent (the hierarchical softmax of Goodman 2001, arXiv cs/0108006; of WordTree, Redmon & Farhadi 2017,
    arXiv 1612.08242, section 4). Outputs are the log-probabilities, so that whatever takes logits can take them.
    """

    places: torch.Tensor  # of parents, [C]
    member: torch.Tensor  # which class is under which parent, [P, C]

    def __init__(self, above: np.ndarray) -> None:
        super().__init__(len(above))
        self.above, self.parents = above, int(above.max()) + 1
        self.register_buffer("places", torch.from_numpy(above), persistent=False)
        self.register_buffer("member", self.places == torch.arange(self.parents)[:, None], persistent=False)

    def answers(self, units: torch.Tensor) -> torch.Tensor:
        """Turn the numbers of parents and classes, [B, P + C], into log-probabilities of classes [B, C]."""
        if units.shape[1] == self.classes:
            return units  # of a head that scores classes by itself
        top, low = units.float().split([self.parents, self.classes], dim=1)
        among = low.unsqueeze(1).masked_fill(~self.member, -torch.inf).logsumexp(dim=2)  # [B, P]
        return low + (top.log_softmax(dim=1) - among)[:, self.places]

    def solves(self, wanted: Solving) -> bool:
        """Return whether the loss falls apart into one of the parents and one of each parent's classes."""
        return wanted.imbalance not in ("focal", "logit_adjust") and not wanted.options.label_smoothing

    def solve(self, features: np.ndarray, labels: Labels, wanted: Solving) -> Solution:
        """Fit a logistic regression for the parents and one for the classes of each; arguments as of `Output.solve`.

        Rows of other parents were no part of the fit of a parent's classes: they are left out as it is.
        """
        weights = class_weights(labels, self.classes, self.balance, wanted)
        taken = list(wanted.chosen or [None] * (self.parents + 1))
        tops = self.above[labels]
        top = _fit(features, tops, self.parents, weights, wanted._replace(chosen=taken[0]))
        weight = np.concatenate([top.weight, np.zeros((self.classes, features.shape[1]))])
        bias = np.concatenate([top.bias, np.zeros(self.classes)])
        out, chosen = log_softmax(top.out_of_fold, axis=1)[:, self.above], [top.chosen]
        for parent in range(self.parents):
            classes, rows = np.flatnonzero(self.above == parent), np.flatnonzero(tops == parent)
            groups = None if wanted.groups is None else [wanted.groups[row] for row in rows.tolist()]
            own = wanted._replace(chosen=taken[parent + 1], groups=groups)
            found = _fit(features[rows], np.searchsorted(classes, labels[rows]), len(classes), weights[rows], own)
            weight[self.parents + classes], bias[self.parents + classes] = found.weight, found.bias
            given = features @ found.weight.T + found.bias
            given[rows] = found.out_of_fold
            out[:, classes] += log_softmax(given, axis=1)
            chosen.append(found.chosen)
        out[np.isnan(out).any(axis=1)] = np.nan
        losses = (-weights * out[np.arange(len(labels)), labels])[~np.isnan(out[:, 0])]
        note = f"{top.note}, for {self.parents} parents; likewise for the classes of each"
        return Solution(weight, bias, out, float(losses.mean()) if len(losses) else np.nan, note, chosen)


def _fit(features: np.ndarray, places: np.ndarray, count: int, weights: np.ndarray, wanted: Solving) -> Solution:
    """Fit one question's logistic regression; where its rows are of one answer or one group, answer by their shares."""
    if len(np.unique(places)) < 2 or (wanted.groups is not None and len(set(wanted.groups)) < 2):
        shares = np.bincount(places, weights, count) + 1  # the rule of succession: no class is ruled out
        bias = np.log(shares / shares.sum())
        return Solution(np.zeros((count, features.shape[1])), bias, np.tile(bias, (len(places), 1)), np.nan, "")
    problem = Problem(np.eye(count)[places], (weights / weights.mean())[:, None], "softmax")
    how: dict[str, Any] = {name: getattr(wanted, name) for name in ("seed", "groups", "chosen", "left_out")}
    return logistic(features, problem, strata=places, **how)
