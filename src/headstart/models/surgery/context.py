"""Let a text network say where in the second text of a pair each of its tokens stands, for answers that stand there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.types import Features
from headstart.models.model import Backbone
from headstart.models.operate import Body
from headstart.models.surgery._around import Around, forward_of, set_forward


@dataclass(frozen=True)
class Context:
    """Say beside the hidden states where in the second text of a pair, the context, each token stands."""

    structural: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = True

    def apply(self, body: Body) -> Self:
        """Let the input say where tokens stand. UsageError: examples are no texts, or the network gives no tokens."""
        backbone: Backbone = body.backbone
        if isinstance(forward_of(backbone), OfContext):
            raise UsageError(f"context: {backbone.card.name} says where its tokens stand already.")
        expects = backbone.card.input.by_context()
        if expects is None or (body.trace.features or {}).get("tokens") is None:
            raise UsageError(
                f"context: {backbone.card.name} gives no hidden states of tokens. Take a text network, such as "
                f"{option('source', 'hf:distilbert-base-cased')}."
            )
        body.expect(expects)
        set_forward(backbone, OfContext(backbone, forward_of(backbone)))
        body.note("context: where in the second text each token stands")
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
