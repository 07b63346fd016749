"""Let a text network say where in the second text of a pair each of its tokens stands, for answers that stand there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch.nn import functional

from headstart.core.types import Features
from headstart.models.operate import Body
from headstart.models.surgery._around import Around
from headstart.models.surgery._of_tokens import put_around


@dataclass(frozen=True)
class Context:
    """Say beside the hidden states where in the second text of a pair, the context, each token stands."""

    structural: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = True

    def apply(self, body: Body) -> Self:
        """Let the input say where tokens stand. UsageError: examples are no texts, or the network gives no tokens."""
        expects = body.backbone.card.input.by_context()
        put_around(body, "context", OfContext, expects, "says where its tokens stand")
        return self


class OfContext(Around):
    """Puts the places of tokens beside them: starts and ends [B, T, 2]; what a strategy puts before has none."""

    def __call__(self, x: Any) -> Features:
        """Compute the features, with places."""
        features = self.within(x)
        tokens = features.get("tokens")
        assert tokens is not None
        places = torch.stack([x["context_starts"], x["context_ends"]], dim=2)
        features["places"] = functional.pad(places, (0, 0, tokens.shape[1] - places.shape[1], 0))
        return features
