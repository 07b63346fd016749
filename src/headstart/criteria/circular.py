"""Circular validation: from the source to the target and back (Bruzzone & Marconcini 2010, IEEE TPAMI 32(5)).

Also called reverse validation (Ganin et al. 2016, arXiv:1505.07818, section 5.1). What the model says of the target's
rows is taken for their labels; a head that learns these alone is right on the source's rows only as far as they were.
The features stay those of the model, so that the way back is a solved head and no second training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
import torch

from headstart.core.types import LEAST_TO_CHOOSE, LossOptions, Measured, Score, Solving, Target, Task
from headstart.evaluation.quick import rated
from headstart.targets._outputs import Output


@dataclass(frozen=True)
class Circular:
    """Choose the step from whose answers for the target a head learns best what the source's rows are.

    pool: the target's rows. most: so many of them are learnt, drawn by the seed. least: by fewer validation rows
    nothing is chosen.
    """

    pool: str = "target"
    most: int = 500
    least: int = LEAST_TO_CHOOSE

    features: ClassVar[bool] = True

    @property
    def pools(self) -> tuple[str, ...]:
        """The source's validation rows, and rows of the target."""
        return ("validation", self.pool)

    def score(self, task: Task, measured: Mapping[str, Measured]) -> Score | None:
        """Compute the primary metric of the heads that came back, or of several targets the mean loss."""
        if not task.predicted:
            return None
        back, there = measured["validation"], measured[self.pool]
        assert back.features is not None and there.features is not None
        answers = {
            name: _back(target, there.features, there.outputs[name], back.features)
            for name, target in task.predicted.items()
        }
        found = rated(task, back.rows, answers, self.least)
        return found._replace(name=f"circular_{found.name}")


def _back(target: Target, features: np.ndarray, outputs: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Solve a linear head on features [M, D] of rows with these outputs, and give its own for those asked [N, D]."""
    if not (np.isfinite(outputs).all() and np.isfinite(features).all()):
        return np.full((len(asked), outputs.shape[1]), np.nan)
    decided = target.decide(outputs)
    labels = outputs if decided is None else decided
    output = cast(Output, target.output())
    output.start(labels)
    found = output.solve(features, labels, Solving(LossOptions()))
    return output.decode(torch.from_numpy(asked @ found.weight.T + found.bias).float()).numpy()
