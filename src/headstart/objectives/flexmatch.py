"""FlexMatch: each class has a threshold that follows how well it is learnt (Zhang et al. 2021, arXiv:2110.08263).

Their eq. 5 to 11. sigma(c), the number of unlabelled rows that are sure to be of class c, is kept as the share of the
rows of the last steps, a moving average, in place of the last answer of each of N rows: eq. 11 divides by it, so that
the unit does not matter, and the state does not grow with the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.types import Form
from headstart.objectives._averages import Averages
from headstart.objectives._unlabelled import Guessing


@dataclass(frozen=True)
class Flexmatch(Guessing):
    """Learn rows without labels as FixMatch does, with a lower threshold for classes that are rarely sure.

    Attributes:
        threshold: The probability from which on a guess of the class that is learnt best counts.
    """

    threshold: float = 0.95
    forms: ClassVar[tuple[Form, ...]] = ("classes",)

    def starts(self, classes: int) -> dict[str, torch.Tensor]:
        """No row is sure yet."""
        return {"learnt": torch.zeros(classes)}

    def seen(
        self, state: Averages, answers: torch.Tensor, labels: torch.Tensor, likely: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Note rows above the whole threshold, by class (eq. 5)."""
        return {"learnt": labels * (likely > self.threshold).unsqueeze(1)}

    def sure(self, state: Averages, answers: torch.Tensor, likely: torch.Tensor) -> torch.Tensor:
        """Count guesses above their class's threshold: M(beta) times the whole one, M(x) = x / (2 - x)."""
        learnt = state["learnt"]
        beta = learnt / torch.maximum(learnt.max(), 1 - learnt.sum())  # eq. 11: rows that are not sure warm it up
        return (likely > (beta / (2 - beta) * self.threshold)[answers.argmax(dim=1)]).float()
