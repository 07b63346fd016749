"""CORAL across domains: features of one mean and covariance (Sun & Saenko 2016, arXiv:1607.01719).

For several source domains, as in Gulrajani & Lopez-Paz (2021, arXiv:2007.01434): for each pair the squared distance of
the means and of the covariances of the features, each a mean over its entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch

from headstart.models.model import Model
from headstart.objectives._environments import Domain, Environments
from headstart.objectives.coral import covariance_distance


@dataclass(frozen=True)
class DomainCoral(Environments):
    """Minimise the mean risk of the source domains, and the distance of their features' means and covariances."""

    def differ(self, model: Model, extra: Any, domains: Sequence[Domain]) -> torch.Tensor:
        """Compute the mean distance over pairs of domains; 0 where there is one."""
        apart = [
            (one.pooled.mean(dim=0) - other.pooled.mean(dim=0)).square().mean()
            + 4 * covariance_distance(one.pooled, other.pooled)
            for one, other in combinations(domains, 2)
        ]
        return torch.stack(apart).mean() if apart else domains[0].pooled.new_zeros(())
