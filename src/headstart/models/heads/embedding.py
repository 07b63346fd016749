"""One linear layer to an embedding, which starts from the source's features as they are."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from torch import nn

from headstart.core.errors import UsageError
from headstart.core.task import kind_of
from headstart.core.types import Target
from headstart.models.model import Head
from headstart.models.pooling import Pooling


@dataclass(frozen=True)
class Embedding:
    """One linear layer to an embedding of length 1, for targets of embeddings (retrieval).

    dim: numbers of an embedding; None takes the width of the features, which are then the embedding at the start. Of
    another width it starts as an orthogonal map: a projection, or one that changes no angle.
    pooling: "auto" takes the backbone's own pooled features, "cls" the class token, "mean" the mean over the
    other ones (of texts: the first token, and the mean over all).
    """

    dim: int | None = None
    pooling: Pooling = "auto"

    def __post_init__(self) -> None:
        if self.dim is not None and self.dim < 1:
            raise ValueError(f"dim must be at least 1, not {self.dim}.")

    def build(self, dim: int, target: Target) -> Head:
        """Make the head for features of width `dim`. UsageError: the target has no embeddings."""
        if not (dataclasses.is_dataclass(target) and target.new_classes):
            raise UsageError(f"embedding needs a target of embeddings; this one is a {kind_of(target)}.")
        width = self.dim or dim
        layer = nn.Linear(dim, width)
        nn.init.eye_(layer.weight) if width == dim else nn.init.orthogonal_(layer.weight)
        nn.init.zeros_(layer.bias)
        return Head(layer, dataclasses.replace(target, dim=width), self.pooling)
