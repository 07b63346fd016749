"""FixMatch: sure answers to a weak view are the labels of a strong one (Sohn et al. 2020, arXiv:2001.07685, eq. 4).

Deviations: the threshold is 0.8, as in a few hundred steps of fine-tuning few guesses reach the paper's 0.95; guesses
are aligned to the classes of the labelled rows, which their section 4.1 adds for CIFAR-100; how views pass the network
is told in `_unlabelled.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from headstart.objectives._averages import Averages
from headstart.objectives._unlabelled import Guessing


@dataclass(frozen=True)
class Fixmatch(Guessing):
    """Learn rows without labels in a strong view by the answers to a weak one, where these are sure.

    Attributes:
        threshold: The probability from which on a guess counts.
    """

    threshold: float = 0.8

    def sure(self, state: Averages, answers: torch.Tensor, likely: torch.Tensor) -> torch.Tensor:
        """Count guesses of at least the threshold."""
        return (likely >= self.threshold).float()
