"""FreeMatch: thresholds that the model's own sureness sets, and fair guesses (Wang et al. 2023, arXiv:2205.07246).

Their eq. 5 to 11. The averages that a step uses are those up to the step before, so that they are the same in every
piece of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.types import Form
from headstart.models.model import Head
from headstart.objectives._averages import Averages
from headstart.objectives._unlabelled import Guessing


@dataclass(frozen=True)
class Freematch(Guessing):
    """Learn rows without labels as FixMatch does, with thresholds of their own for the time and the class.

    Attributes:
        fairness: Weight of the term that keeps answers spread over the classes, beside that of the guesses.
    """

    fairness: float = 0.01
    forms: ClassVar[tuple[Form, ...]] = ("classes",)
    couples_rows: ClassVar[bool] = True  # the fairness of a batch is no sum over its rows

    def starts(self, classes: int) -> dict[str, torch.Tensor]:
        """Every class is as likely."""
        even = torch.full((classes,), 1 / classes)
        return {"likely": torch.tensor(1 / classes), "answers": even, "labels": even.clone()}

    def seen(
        self, state: Averages, answers: torch.Tensor, labels: torch.Tensor, likely: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Note how sure guesses are (eq. 5), the answers (eq. 6) and the guesses (eq. 9)."""
        return {"likely": likely, "answers": answers, "labels": labels}

    def sure(self, state: Averages, answers: torch.Tensor, likely: torch.Tensor) -> torch.Tensor:
        """Count guesses above their class's threshold (eq. 7 and 8)."""
        own = state["answers"] / state["answers"].max() * state["likely"]
        return (likely > own[answers.argmax(dim=1)]).float()

    def parts(self, head: Head, state: Averages, answers: torch.Tensor, out: torch.Tensor) -> dict[str, torch.Tensor]:
        """Add the fairness of the strong view's answers (eq. 10 and 11)."""
        aligned = self.aligned(state, answers)
        counted = self.sure(state, aligned, head.output.guess(aligned)[1]) > 0
        found = super().parts(head, state, answers, out)
        if not counted.any():
            return found
        strong = head.output.decode(out[counted])
        guesses, _ = head.output.guess(strong.detach())
        expected = _even(state["answers"], state["labels"])
        given = _even(strong.mean(dim=0), guesses.mean(dim=0))
        return {**found, "fairness": self.fairness * (expected * (given + 1e-12).log()).sum()}


def _even(answers: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:  # each [C]
    """Divide answers by the share of guesses, to a sum of 1; classes that are never guessed are left out."""
    found = torch.where(labels > 0, answers / labels.clamp(min=1e-12), torch.zeros_like(answers))
    return found / found.sum()
