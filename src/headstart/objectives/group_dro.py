"""Group DRO: the worst domain counts most (Sagawa et al. 2020, arXiv:1911.08731).

Their algorithm 1: each domain has a weight q, which is multiplied by exp(rate * risk) at each step and normalised; the
loss is the sum of q times the risks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.types import Batch, Loss
from headstart.models.model import Model
from headstart.objectives._environments import SourceDomains, domains_of, only

MOST = 256  # domains


@dataclass(frozen=True)
class GroupDro(SourceDomains):
    """Minimise the risks of the source domains, of which the largest come to weigh most.

    Attributes:
        rate: How fast the weights follow the risks.
    """

    rate: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.rate < math.inf:
            raise ValueError(f"rate must be 0 or more; it is {self.rate}.")

    def modules(self, model: Model) -> nn.Module:
        """Make the logarithms of the domains' weights, not normalised."""
        weights = nn.Module()
        weights.register_buffer("logs", torch.zeros(MOST))
        return weights

    def losses(self, model: Model, extra: Any, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Move the weights, and compute the weighted risk. UsageError: there are too many domains."""
        domains = domains_of(model, batches["source"], self.loss_options)
        if domains[-1].number >= MOST:
            raise UsageError(f"group_dro takes {MOST} source domains at most.")
        risks = torch.stack([domain.risk for domain in domains])
        numbers = torch.tensor([domain.number for domain in domains], device=risks.device)
        with torch.no_grad():
            extra.logs[numbers] += self.rate * risks.detach()
        weights = extra.logs[numbers].softmax(dim=0)
        return {"task": Loss((weights * risks).sum(), only(batches["source"].labels))}
