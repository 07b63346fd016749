"""ArcFace: a margin in the angle between a row and its class's centre (Deng et al. 2019, arXiv:1801.07698, eq. 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from headstart.objectives._metric_learning import MetricLearning
from headstart.targets._embedding_output import EmbeddingOutput


@dataclass(frozen=True)
class Arcface(MetricLearning):
    """Let each row be nearer to the centre of its class than to all others, by an angle (retrieval).

    margin: the angle, in radians (in degrees in pytorch-metric-learning, whose loss is the same). scale: multiplies the
    cosines. Beyond pi - margin the cosine falls on in a line, as in the authors' program.
    """

    margin: float = 0.5
    scale: float = 64.0

    def __post_init__(self) -> None:
        if not 0 <= self.margin < math.pi or self.scale <= 0:
            raise ValueError(f"margin must be in [0, pi) and scale above 0; they are {self.margin} and {self.scale}.")

    def loss(self, out: torch.Tensor, y: torch.Tensor, output: EmbeddingOutput) -> torch.Tensor:
        """Compute the cross-entropy with the margin, the mean over rows."""
        cosines, places = output.cosines(out, y)
        own = cosines.gather(1, places[:, None])
        sine = (1 - own.square()).clamp(min=1e-12).sqrt()
        moved = own * math.cos(self.margin) - sine * math.sin(self.margin)  # the cosine of the angle plus the margin
        moved = torch.where(own > -math.cos(self.margin), moved, own - self.margin * math.sin(self.margin))
        return functional.cross_entropy(self.scale * cosines.scatter(1, places[:, None], moved), places)
