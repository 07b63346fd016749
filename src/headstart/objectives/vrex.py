"""Risk extrapolation: risks that are the same in every domain (Krueger et al. 2021, arXiv:2003.00688).

Their V-REx, eq. 8: the variance of the domains' risks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from headstart.models.model import Model
from headstart.objectives._environments import Domain, Environments


@dataclass(frozen=True)
class Vrex(Environments):
    """Minimise the mean risk of the source domains, and the variance of their risks."""

    weight: float = 10.0

    def differ(self, model: Model, extra: Any, domains: Sequence[Domain]) -> torch.Tensor:
        """Compute the variance of the risks."""
        return torch.stack([domain.risk for domain in domains]).var(correction=0)
