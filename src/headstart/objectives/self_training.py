"""Self-training on the target: confident answers are labels (Lee 2013, ICML workshop on representation learning).

Their eq. 15 and 16, a weight that grows with the progress; of answers below a threshold nothing is learnt, as in
arXiv:1810.07911 (Zou et al. 2018), here with one threshold for all classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.nn import functional

from headstart.core.types import Form
from headstart.models.model import Model
from headstart.objectives._domains import Alignment, Side


@dataclass(frozen=True)
class SelfTraining(Alignment):
    """Minimise the task's loss on `source`, and on `target` that for the answers which are sure.

    Attributes:
        threshold: Of the probability from which an answer is a label.
    """

    threshold: float = 0.9
    forms: ClassVar[tuple[Form, ...]] = ("classes",)

    def align(self, model: Model, extra: Any, source: Side, target: Side, strength: float) -> torch.Tensor:
        """Compute the cross-entropy of the target's sure answers, over all rows, times the strength."""
        sure, label = target.probabilities.max(dim=1)
        each = functional.cross_entropy(target.outputs, label, reduction="none") * (sure >= self.threshold)
        return strength * each.mean()
