"""The nearest class mean on the pooled features (Mensink et al. 2013, TPAMI 35(11)). Solved, not trained by steps.

A linear layer with nothing to choose but its scale, which gives the probabilities: the likeliest class is the one
whose mean is nearest, whatever directions would tell the classes apart better. Where rows to be predicted are of
another domain, that is what holds: a layer that leans on directions of little variance is wrong where these change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.special import log_softmax
from torch import nn

from headstart.core.types import Labels, Solved, Solving, Target
from headstart.models.heads.linear import LinearHead
from headstart.models.model import Head
from headstart.models.pooling import Pooling

SCALES = 10.0 ** (np.arange(-24, 9) / 4)  # of logits, by the mean squared length of centred rows
NEVER = 1e4  # what is taken off the logit of a class without rows


@dataclass(frozen=True)
class Means:
    """The nearest class mean on the pooled features: robust in another domain. Solved, not trained by steps.

    pooling: "auto" takes the backbone's own pooled features, "cls" the class token, "mean" the mean over the
    other ones (of texts: the first token, and the mean over all).
    """

    pooling: Pooling = "auto"

    def build(self, dim: int, target: Target) -> Head:
        """Make the head for features of width `dim`. Its first loss is that of an even guess."""
        layer = nn.Linear(dim, target.outputs)
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
        return MeansHead(layer, target, self.pooling)


class MeansHead(LinearHead):
    """A linear layer made of class means."""

    learns_by_steps: ClassVar[bool] = False

    def solves(self, wanted: Solving) -> bool:
        """Return whether rows have one class each, and the loss is the plain one."""
        plain = not wanted.options.label_smoothing and not wanted.options.class_weights and wanted.imbalance == "none"
        return self.target.form == "classes" and plain

    def solve(self, features: np.ndarray, labels: Labels, wanted: Solving) -> Solved:
        """Take the class means, at the scale of least loss when each row is left out of its own mean."""
        weights = np.ones(len(labels)) if wanted.weights is None else wanted.weights.astype(np.float64)
        member = np.eye(self.target.outputs)[labels] * weights[:, None]  # [N, C]
        centre = features.mean(axis=0, dtype=np.float64)
        rows = features - centre
        mass = member.sum(axis=0)
        means = (member.T @ rows) / np.maximum(mass, 1e-300)[:, None]
        half = np.square(means).sum(axis=1) / 2 + NEVER * np.square(rows).sum(axis=1).mean() * (mass == 0)
        out = rows @ means.T - half
        out[np.arange(len(rows)), labels] = _without_themselves(rows, means[labels], mass[labels], weights)
        unit = max(float(np.square(rows).sum(axis=1).mean()), 1e-300)
        losses = [-(weights * log_softmax(out * s / unit, axis=1)[np.arange(len(rows)), labels]).sum() for s in SCALES]
        scale = SCALES[int(np.argmin(losses))] / unit
        layer: Any = self.trunk
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(scale * means))
            layer.bias.copy_(torch.from_numpy(-scale * (half + means @ centre)))
        return Solved(f"nearest of {np.count_nonzero(mass)} class means", scale * out)


def _without_themselves(rows: np.ndarray, means: np.ndarray, mass: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute the logit [N] of each row for its class, whose mean leaves it out; of a lone row it is the centre."""
    left = mass - weights
    alone = left <= 1e-9 * mass
    own = (mass[:, None] * means - weights[:, None] * rows) / np.where(alone, 1.0, left)[:, None]
    return (rows * own).sum(axis=1) - np.square(own).sum(axis=1) / 2
