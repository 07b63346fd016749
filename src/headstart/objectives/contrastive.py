"""SimCLR: a view of a row is to find the other view among the batch (Chen et al. 2020, arXiv:2002.05709, eq. 1).

With `view=plain` the two views differ by what the network drops alone: SimCSE (Gao et al. 2021, arXiv:2104.08821).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.models.dryrun import ROWS, to_device
from headstart.models.model import Model, device_of
from headstart.objectives._pretraining import Pretraining
from headstart.views import PLAIN


@dataclass(frozen=True)
class Contrastive(Pretraining):
    """Contrast two views of each row with all other rows of the batch; no label is read."""

    def modules(self, model: Model) -> nn.Module:
        """Make the projection. UsageError: the features are to stay, or the two views would be one and the same."""
        made = super().modules(model)
        if self.view == PLAIN and not _drops(model):
            raise UsageError(
                "contrastive view=plain leaves it to dropout to make the two views of a row different, and what learns "
                f"of {model.backbone.card.name} drops nothing: both would be the same, and nothing would be learnt of "
                f"them. Use {option('objective', 'contrastive view=weak')}, or a network with dropout."
            )
        return made

    def compare(self, extra: Any, one: torch.Tensor, other: torch.Tensor, ids: Sequence[str]) -> torch.Tensor:
        """Compute the normalised, temperature-scaled cross-entropy."""
        return nt_xent(one, other, self.temperature, ids)


def nt_xent(one: torch.Tensor, other: torch.Tensor, temperature: float, ids: Sequence[str]) -> torch.Tensor:
    """Compute NT-Xent: the mean cross-entropy of finding a row's other view among those of other rows.

    Args:
        one: One view, rows of length 1, [B, D].
        other: The other view of the same rows.
        temperature: Divides the similarities.
        ids: Names of the rows; one that comes twice in the batch is not to be told apart from itself.

    Returns:
        A scalar.
    """
    both = torch.cat([one, other])
    similar = both @ both.T / temperature  # [2B, 2B]
    row = torch.from_numpy(np.unique(np.asarray(ids), return_inverse=True)[1]).to(both.device).repeat(2)
    partner = torch.arange(len(both), device=both.device).roll(len(one))
    same = (row == row.unsqueeze(1)).scatter(1, partner.unsqueeze(1), False)
    return functional.cross_entropy(similar.masked_fill(same, -torch.inf), partner)


def _drops(model: Model) -> bool:
    """Return whether a pass draws random numbers where the model learns; the model stays as it is."""
    backbone, device = model.backbone, device_of(model.backbone)
    modes = {module: module.training for module in model.modules()}
    buffers = {name: buffer.clone() for name, buffer in backbone.named_buffers()}  # a pass moves averages
    state = torch.cuda.get_rng_state if device.type == "cuda" else torch.get_rng_state
    with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
        model.train_learning()
        before = state()
        functional_call(backbone, buffers, to_device(backbone.card.input.blank(ROWS), device))
        drawn = not torch.equal(before, state())
    for module, training in modes.items():
        module.training = training
    return drawn
