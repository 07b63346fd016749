"""What every backbone must keep, used by the tests of each source."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from headstart.models.cards import card_from_plain, card_to_plain
from headstart.models.load import rebuild
from headstart.models.model import Backbone


def check_backbone(backbone: Backbone, x: Any, rows: int) -> None:
    """Check stages, features, and that the card rebuilds the same network."""
    backbone.eval()
    staged = [name for names in backbone.stages().values() for name in names]
    assert sorted(staged) == sorted(name for name, _ in backbone.named_parameters())
    assert len(backbone.stages()) > 1
    with torch.no_grad():
        pooled = backbone(x)["pooled"]
    assert pooled.shape == (rows, backbone.dim)
    assert torch.isfinite(pooled).all()
    assert backbone.card.params == sum(p.numel() for p in backbone.parameters())
    plain = json.loads(json.dumps(card_to_plain(backbone.card)))
    again = rebuild(card_from_plain(plain))
    assert again.card == backbone.card
    assert again.dim == backbone.dim
    assert list(again.stages()) == list(backbone.stages())
    assert {k: v.shape for k, v in again.state_dict().items()} == {k: v.shape for k, v in backbone.state_dict().items()}


def accuracy(backbone: Backbone, x: torch.Tensor, y: torch.Tensor, train: int, steps: int) -> float:
    """Train on the first rows with AdamW, then test on the rest."""
    net = nn.ModuleList([backbone, nn.Linear(backbone.dim, int(y.max()) + 1)]).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)
    for _ in range(steps):
        rows = torch.randint(train, (128,))
        loss = functional.cross_entropy(net[1](backbone(x[rows])["pooled"]), y[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    net.eval()
    with torch.no_grad():
        return (net[1](backbone(x[train:])["pooled"]).argmax(1) == y[train:]).float().mean().item()
