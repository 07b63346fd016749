"""The layer by which a network of texts embeds its tokens."""

from __future__ import annotations

from torch import nn

from headstart.models.dryrun import root
from headstart.models.model import Backbone


def embedding_of(backbone: Backbone) -> nn.Embedding | None:
    """Return the layer that embeds the tokens; None where the network does not say which it is, or has none."""
    net, _ = root(backbone)
    found = net.get_input_embeddings() if hasattr(net, "get_input_embeddings") else None  # pyright: ignore[reportCallIssue]
    return found if isinstance(found, nn.Embedding) else None
