"""Two linear layers for classes in a tree: one tells parents apart, the other the classes of each parent.

log p(class) = log p(parent) + log p(class | parent): the class-based model of Goodman (2001, arXiv cs/0108006) and the
WordTree of Redmon & Farhadi (2017, arXiv 1612.08242, section 4). Its cross-entropy is that of the parent plus that of
the class among its siblings. It asks more of the features than one softmax over all classes: parents must be told apart
by a line each, where otherwise each of their classes has its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import log_softmax
from torch import nn

from headstart.core.types import Labels, Solved, Solving, Target
from headstart.models.heads.linear import Linear
from headstart.models.model import Head
from headstart.models.pooling import Pooling
from headstart.solvers.logistic import Problem, logistic
from headstart.solvers.solution import Solution
from headstart.targets._outputs import ClassOutput
from headstart.targets._solvers import class_weights


@dataclass(frozen=True)
class Tree:
    """For classes in a tree: one linear layer for the parents, one for the classes of each. Else as `linear`.

    pooling: "auto" takes the backbone's own pooled features, "cls" the class token, "mean" the mean over the
    other ones (of texts: the first token, and the mean over all).
    """

    pooling: Pooling = "auto"

    def build(self, dim: int, target: Target) -> Head:
        """Make the head for features of width `dim`. Small first weights: the first loss is that of an even guess."""
        above: np.ndarray | None = getattr(target, "above", None)
        if above is None:
            return Linear(self.pooling).build(dim, target)
        return TreeHead(Branches(dim, above), target, self.pooling)


class Branches(nn.Module):
    """Pooled features [B, D] to the log-probabilities of C classes, each under one of P parents: above [C]."""

    places: torch.Tensor
    member: torch.Tensor  # which class is under which parent, [P, C]

    def __init__(self, dim: int, above: np.ndarray) -> None:
        super().__init__()
        self.above, self.parents = above, int(above.max()) + 1
        self.layer = nn.Linear(dim, self.parents + len(above))
        nn.init.trunc_normal_(self.layer.weight, std=0.01)
        nn.init.zeros_(self.layer.bias)
        self.register_buffer("places", torch.from_numpy(above), persistent=False)
        self.register_buffer("member", self.places == torch.arange(self.parents)[:, None], persistent=False)

    def answers(self, units: torch.Tensor) -> torch.Tensor:
        """Turn the scores of parents and of classes, [B, P + C], into log-probabilities [B, C]."""
        top, low = units.float().split([self.parents, len(self.above)], dim=1)
        among = low.unsqueeze(1).masked_fill(~self.member, -torch.inf).logsumexp(dim=2)  # [B, P]
        return low + (top.log_softmax(dim=1) - among)[:, self.places]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.answers(self.layer(x))


class TreeHead(Head):
    """A head whose loss falls apart into one of the parents and one of the classes of each."""

    trunk: Branches
    output: ClassOutput

    def solves(self, wanted: Solving) -> bool:
        """Return whether the loss falls apart: not with smoothed labels, nor with shifted or focal ones."""
        return wanted.imbalance not in ("focal", "logit_adjust") and not wanted.options.label_smoothing

    def solve(self, features: np.ndarray, labels: Labels, wanted: Solving) -> Solved:
        """Fit a logistic regression for the parents and one for the classes of each.

        Rows of other parents were no part of the fit of a parent's classes: they are left out as it is.
        """
        above, parents, classes = self.trunk.above, self.trunk.parents, len(self.trunk.above)
        weights = class_weights(labels, classes, self.output.balance, wanted)
        taken = list(wanted.chosen or [None] * (parents + 1))
        tops = above[labels]
        top = _fit(features, tops, parents, weights, wanted._replace(chosen=taken[0]))
        weight = np.concatenate([top.weight, np.zeros((classes, features.shape[1]))])
        bias = np.concatenate([top.bias, np.zeros(classes)])
        out, chosen = log_softmax(top.out_of_fold, axis=1)[:, above], [top.chosen]
        for parent in range(parents):
            under, rows = np.flatnonzero(above == parent), np.flatnonzero(tops == parent)
            groups = None if wanted.groups is None else [wanted.groups[row] for row in rows.tolist()]
            own = wanted._replace(chosen=taken[parent + 1], groups=groups)
            found = _fit(features[rows], np.searchsorted(under, labels[rows]), len(under), weights[rows], own)
            weight[parents + under], bias[parents + under] = found.weight, found.bias
            given = features @ found.weight.T + found.bias
            given[rows] = found.out_of_fold
            out[:, under] += log_softmax(given, axis=1)
            chosen.append(found.chosen)
        out[np.isnan(out).any(axis=1)] = np.nan  # rows that did not choose a penalty
        with torch.no_grad():
            self.trunk.layer.weight.copy_(torch.from_numpy(weight))
            self.trunk.layer.bias.copy_(torch.from_numpy(bias))
        return Solved(f"{top.note}, for {parents} parents; likewise for the classes of each", out, chosen)


def _fit(features: np.ndarray, places: np.ndarray, count: int, weights: np.ndarray, wanted: Solving) -> Solution:
    """Fit one question's logistic regression; where its rows are of one answer or one group, answer by their shares."""
    if len(np.unique(places)) < 2 or (wanted.groups is not None and len(set(wanted.groups)) < 2):
        shares = np.bincount(places, weights, count) + 1  # the rule of succession: no class is ruled out
        bias = np.log(shares / shares.sum())
        return Solution(np.zeros((count, features.shape[1])), bias, np.tile(bias, (len(places), 1)), np.nan, "")
    problem = Problem(np.eye(count)[places], (weights / weights.mean())[:, None], "softmax")
    how: dict[str, Any] = {name: getattr(wanted, name) for name in ("seed", "groups", "chosen", "left_out")}
    return logistic(features, problem, strata=places, **how)
