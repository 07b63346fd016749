"""Where an answer begins and ends: two numbers for each token (Devlin et al. 2019, section 4.2, arXiv:1810.04805)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import torch

from headstart.core.counting import agree
from headstart.core.errors import UsageError
from headstart.core.input import Cut
from headstart.core.interface import option
from headstart.core.types import Features, Labels, Target
from headstart.models.heads.tokens import TokensHead
from headstart.models.model import Backbone, Head
from headstart.models.taps import example
from headstart.targets._asked import Asked
from headstart.targets._span_output import SpanOutput


@dataclass(frozen=True)
class Spans:
    """A linear layer on the hidden state of each token: whether an answer begins there, and whether it ends there.

    dropout: share of the hidden state that is left out in training. most_tokens: of an answer.
    """

    dropout: float = 0.1
    most_tokens: int = 30

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be from 0 to below 1, not {self.dropout}.")
        if self.most_tokens < 1:
            raise ValueError(f"most_tokens must be at least 1, not {self.most_tokens}.")

    def build(self, dim: int, target: Target) -> Head:
        """Make the head; its layer is as wide as the backbone's tokens, once that is known (`Head.fit_to`)."""
        return SpansHead(self, target)


class SpansHead(TokensHead):
    """A head that gives for each token two numbers and where it stands in the context, [B, T, 4]."""

    forms: ClassVar[tuple[str, ...]] = ("spans",)

    def __init__(self, options: Spans, target: Target) -> None:
        super().__init__(options.dropout, target)
        self.most_tokens = options.most_tokens

    def check(self, backbone: Backbone) -> None:
        """Refuse a network that does not say where tokens stand (UsageError)."""
        if "context_ends" not in example(backbone):
            raise UsageError(
                f"The head 'spans' needs the places of tokens in a context, and {backbone.card.name} gives none: "
                f"{option('surgery', 'context')}."
            )
        self.expects = backbone.card.input

    def cut(self, labels: Labels) -> Cut | None:
        """Find answers that are beyond the tokens that the network takes, or longer than an answer may be."""
        asked = [Asked.of(label) for label in labels]
        tokens = self.expects.prepare([(each.question, each.context) for each in asked])
        lost = [
            place
            for place, (each, own) in enumerate(zip(asked, tokens, strict=True))
            if each.answers and not self._holds(own["context_starts"], own["context_ends"], each)
        ]
        what = f"{agree(len(lost), 'have')} an answer that is cut off, or longer than {self.most_tokens} tokens: wrong"
        return Cut(lost, what) if lost else None

    def _holds(self, starts: torch.Tensor, ends: torch.Tensor, asked: Asked) -> bool:
        """Return whether the tokens that are seen hold one of the answers."""
        for start, text in asked.answers:
            own = (starts < start + len(text)) & (ends > start)
            if own.any() and ends[own].max() >= start + len(text) and own.sum() <= self.most_tokens:
                return True
        return False

    def forward(self, features: Features) -> torch.Tensor:
        tokens, places = features.get("tokens"), features.get("places")
        assert tokens is not None and places is not None
        return torch.cat([self.trunk(tokens).float(), places.float()], dim=2)

    def decode(self, out: torch.Tensor) -> torch.Tensor:
        """Find the best answers of each row, [B, n, 3]."""
        return cast(SpanOutput, self.output).best(out.float(), self.most_tokens)
