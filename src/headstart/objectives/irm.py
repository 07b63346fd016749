"""Invariant risk minimisation: heads that are at their best in every domain (Arjovsky et al. 2019, arXiv:1907.02893).

Their IRMv1, section 3.1: the squared norm of the gradient of each domain's risk by a scale w = 1 of the outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from headstart.models.model import Model
from headstart.objectives._environments import Domain, Environments
from headstart.objectives._tasks import losses_of


@dataclass(frozen=True)
class Irm(Environments):
    """Minimise the mean risk of the source domains, and what a scale of the answers would still gain in each."""

    weight: float = 100.0

    def differ(self, model: Model, extra: Any, domains: Sequence[Domain]) -> torch.Tensor:
        """Compute the mean of (d risk / d w)^2 at w = 1."""
        penalties = []
        for domain in domains:
            scale = torch.ones((), device=domain.risk.device, requires_grad=True)
            scaled = {name: out * scale for name, out in domain.outputs.items()}
            losses = losses_of(model, scaled, domain.batch, self.loss_options).values()
            risk = torch.stack([loss.value for loss in losses]).sum()
            (slope,) = torch.autograd.grad(risk, scale, create_graph=True)
            penalties.append(slope.square())
        return torch.stack(penalties).mean()
