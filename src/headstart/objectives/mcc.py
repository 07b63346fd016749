"""Minimum class confusion: answers on the target that do not mix classes (Jin et al. 2020, arXiv:1912.03699).

Their section 3: probabilities at a temperature; the matrix of how often two classes are thought of together, in which
sure answers weigh more; its rows normalised. What is not on the diagonal, over the number of classes, is the loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from headstart.core.types import Form
from headstart.models.model import Model
from headstart.objectives._domains import Alignment, Side, entropy


@dataclass(frozen=True)
class Mcc(Alignment):
    """Minimise the task's loss on `source`, and the confusion of classes in the answers on `target`.

    Attributes:
        temperature: Divides the logits of the target.
    """

    temperature: float = 2.5
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    couples_rows: ClassVar[bool] = True

    def align(self, model: Model, extra: Any, source: Side, target: Side, strength: float) -> torch.Tensor:
        """Compute the confusion of classes on the target."""
        answers = (target.outputs / self.temperature).softmax(dim=1)  # [B, C]
        sure = 1 + torch.exp(-entropy(target.outputs.detach() / self.temperature))
        weights = len(sure) * sure / sure.sum()  # [B], 1 on average
        together = answers.T @ (weights.unsqueeze(1) * answers)  # [C, C]
        together = together / together.sum(dim=1, keepdim=True).clamp(min=torch.finfo(together.dtype).tiny)
        return (together.sum() - together.trace()) / len(together)
