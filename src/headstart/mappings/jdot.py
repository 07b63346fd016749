"""Joint distribution optimal transport: features and labels go together (Courty et al. 2017, arXiv:1705.08848).

Their algorithm 1, by turns: the plan of least cost, where taking a source row to a target row costs alpha times their
squared distance plus the loss of the source's label under what the classifier says of the target row; then the
classifier of the target's rows under that plan. It is a logistic regression, a row's label is the class that most of
its mass comes from, and the plan has a little entropy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from headstart.core.errors import UsageError
from headstart.core.types import Mapped
from headstart.mappings._transport import LEAST, costs, transport
from headstart.solvers.logistic import Problem, logistic

WORST = 10.0  # nats: the most that a label costs


@dataclass(frozen=True)
class Jdot:
    """Label the target's rows by transport of features and labels together, and learn these.

    alpha: weight of the squared distance, of which the greatest is 1. entropy: how far mass is spread, as a share of
    the greatest cost. rounds: of plan and classifier.
    """

    alpha: float = 1.0
    entropy: float = 0.02
    rounds: int = 5

    def __post_init__(self) -> None:
        if self.entropy < LEAST:
            raise ValueError(f"entropy must be at least {LEAST}; it is {self.entropy}.")
        if self.rounds < 1 or self.alpha < 0:
            raise ValueError(f"rounds must be at least 1 and alpha at least 0: {self.rounds}, {self.alpha}.")

    def fit(self, source: np.ndarray, target: np.ndarray, labels: np.ndarray | None) -> Mapped:
        """Give the target's rows [M, D] with the labels found. UsageError: the source has no classes."""
        if labels is None:
            raise UsageError("The mapping jdot is for one target with one class a row. Take coral, ot or subspace.")
        one = np.eye(labels.max() + 1)[labels]  # [N, C]
        distance = self.alpha * costs(source, target)
        rows, given, chosen, found = source, one, None, labels
        for _ in range(self.rounds):
            classes = given.argmax(axis=1)
            problem = Problem(given, np.ones((len(rows), 1)), "softmax")
            layer = logistic(rows, problem, seed=0, strata=classes, chosen=chosen)
            chosen = layer.chosen
            likely = log_softmax(target @ layer.weight.T + layer.bias, axis=1)
            plan = transport(distance - one @ likely.T.clip(min=-WORST), self.entropy)
            found = (one.T @ plan).argmax(axis=0)  # [M]
            rows, given = target, np.eye(one.shape[1])[found]
        return Mapped(target, labels=found)
