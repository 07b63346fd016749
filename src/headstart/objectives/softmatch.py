"""SoftMatch: each guess counts by how sure it is beside others (Chen et al. 2023, arXiv:2301.10921, eq. 6 to 10).

The weight of a guess is a Gaussian of its probability, cut off above the mean: guesses surer than the mean count fully.
The averages that a step uses are those up to the step before, so that they are the same in every piece of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.types import Form
from headstart.objectives._averages import Averages
from headstart.objectives._unlabelled import Guessing

SPREAD = "spread"


class Spreads(Averages):
    """Averages of means, and of the variance of what `likely` is the mean of (eq. 9)."""

    def means(self) -> dict[str, torch.Tensor]:
        """Make of the mean square the variance, without its bias."""
        found = super().means()
        variance = (found[SPREAD] - found["likely"] ** 2).clamp(min=0)
        return {**found, SPREAD: variance * self.rows / (self.rows - 1).clamp(min=1)}


@dataclass(frozen=True)
class Softmatch(Guessing):
    """Learn rows without labels in a strong view by the answers to a weak one, each weighted by how sure it is.

    Where `align` is on, answers are judged as if every class were as frequent (uniform alignment); the guess stays.
    """

    forms: ClassVar[tuple[Form, ...]] = ("classes",)

    averages: ClassVar[type[Averages]] = Spreads

    def aligned(self, state: Averages, answers: torch.Tensor) -> torch.Tensor:
        """Leave the guess as it is."""
        return answers

    def starts(self, classes: int) -> dict[str, torch.Tensor]:
        """Every class is as likely, and sureness varies much: all guesses count."""
        return {"likely": torch.tensor(1 / classes), SPREAD: torch.tensor(1.0)}

    def seen(
        self, state: Averages, answers: torch.Tensor, labels: torch.Tensor, likely: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Note how sure guesses are (eq. 8)."""
        sureness = self._sureness(state, answers)
        return {"likely": sureness, SPREAD: sureness**2}

    def sure(self, state: Averages, answers: torch.Tensor, likely: torch.Tensor) -> torch.Tensor:
        """Weigh guesses by the cut Gaussian (eq. 7)."""
        short = (self._sureness(state, answers) - state["likely"]).clamp(max=0)
        return (-(short**2) / (2 * state[SPREAD])).exp()

    def _sureness(self, state: Averages, answers: torch.Tensor) -> torch.Tensor:  # [B, C] to [B]
        """Take the largest probability, where asked after alignment (eq. 10)."""
        aligned = answers / state["answered"].clamp(min=1e-6) if self.align else answers
        return (aligned / aligned.sum(dim=1, keepdim=True)).amax(dim=1)
