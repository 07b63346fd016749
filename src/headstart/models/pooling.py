"""From the features of a backbone to the columns that a head maps: pooled, and its own part of them."""

from __future__ import annotations

from typing import Any, Literal

import torch

from headstart.core.errors import UsageError
from headstart.core.types import Features

Pooling = Literal["auto", "cls", "mean"]
Part = tuple[int, int]  # which part of the features, of how many equal ones
WHOLE: Part = (0, 1)


def pool(features: Features, pooling: Pooling) -> torch.Tensor:
    """Pool features to [B, D].

    Args:
        features: What a backbone gave.
        pooling: How, as of `Head`.

    Returns:
        The pooled features [B, D].

    Raises:
        UsageError: "cls" or "mean" was asked for, and the backbone gives no tokens or none of that kind.
    """
    if pooling == "auto":
        return features["pooled"]
    tokens = features.get("tokens")
    if tokens is None:
        raise UsageError(f"Pooling '{pooling}' needs a backbone that gives tokens; use pooling 'auto'.")
    prefix = features.get("prefix")
    if pooling == "cls":
        if prefix is not None and prefix[:1] != ("class",):
            raise UsageError("Pooling 'cls' needs a backbone with a class token, and this one has none; use 'mean'.")
        return tokens[:, 0]
    if prefix and len(prefix) == tokens.shape[1]:
        raise UsageError("Pooling 'mean' needs a backbone that gives tokens of patches; use pooling 'auto'.")
    return mean_over_tokens(tokens[:, len(prefix or ()) :], features.get("mask"))


def own_part(pooled: Any, part: Part) -> Any:
    """Take a target's own columns of pooled features [B, P · D], a tensor or an array: all of them where P is 1."""
    place, count = part
    width = pooled.shape[1] // count
    return pooled if count == 1 else pooled[:, place * width : (place + 1) * width]


def mean_over_tokens(tokens: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Average tokens [B, T, D] over those that the mask [B, T] keeps, to [B, D]."""
    if mask is None:
        return tokens.mean(dim=1)
    weights = mask.unsqueeze(-1).to(tokens.dtype)  # [B, T, 1]
    return (tokens * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
