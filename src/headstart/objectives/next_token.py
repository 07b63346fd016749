"""Causal language modelling: each token names the next (Radford et al. 2018, GPT, section 3.1, eq. 1).

The output layer is the network's own: its embeddings, as in GPT-2, or weights of the source, which stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.plugins import name_of
from headstart.core.types import Stream
from headstart.models.model import Model
from headstart.objectives._naming import Naming, is_causal


@dataclass(frozen=True)
class NextToken(Naming):
    """Name the next token of a text by those before it; no label is read."""

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Rows without labels, as they are."""
        return (Stream("unlabelled", self.pool, labelled=False, views={"x": "plain"}),)

    def namer(self, model: Model, x: Any, width: int, vocabulary: int, embedded: int) -> nn.Module:
        """Make the output layer. UsageError: tokens see those behind them, or embeddings have another width."""
        name, card = name_of(self), model.backbone.card
        with torch.no_grad(), model.evaluating():
            if not is_causal(model.backbone, x):
                raise UsageError(
                    f"{name} needs a network whose tokens see none behind them, such as GPT-2; in {card.name} they see "
                    "the token that they are asked for. Use the objective masked."
                )
        names = (model.backbone.source_layer or {}).get("names")
        if names is None and width != embedded:
            raise UsageError(f"{name} needs embeddings as wide as features; {card.name} has {embedded} and {width}.")
        return OutputLayer(names)

    def asked(self, x: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Ask each token for the one behind it, the last of a text for nothing."""
        return functional.pad((x["input_ids"][:, 1:] + 1) * x["attention_mask"][:, 1:], (0, 1))


class OutputLayer(nn.Module):
    """The logit of a token is the inner product with its embedding, or with its own weights where there are some."""

    names: torch.Tensor | None

    def __init__(self, names: torch.Tensor | None) -> None:
        super().__init__()
        self.register_buffer("names", names)

    def forward(self, states: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:  # [N, vocabulary]
        return functional.linear(states, embeddings if self.names is None else self.names)
