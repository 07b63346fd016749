"""Joint adaptation networks: features and answers are matched together (Long et al. 2017, arXiv:1605.06636).

JMMD: the kernel of a pair of rows is the product of those of the features and of the class probabilities.
The loss grows from 0 over the stage, as in their experiments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from headstart.core.types import Form
from headstart.models.model import Model
from headstart.objectives._domains import Alignment, Side
from headstart.objectives._kernels import gaussian_kernel, mmd


@dataclass(frozen=True)
class Jan(Alignment):
    """Minimise the task's loss on `source`, and the joint discrepancy of features and answers (JMMD) to `target`."""

    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    couples_rows: ClassVar[bool] = True

    def align(self, model: Model, extra: Any, source: Side, target: Side, strength: float) -> torch.Tensor:
        """Compute the squared joint discrepancy, times the strength."""
        features = gaussian_kernel(torch.cat([source.pooled, target.pooled]))
        answers = gaussian_kernel(torch.cat([source.probabilities, target.probabilities]))
        return strength * mmd(features * answers, len(source.pooled))
