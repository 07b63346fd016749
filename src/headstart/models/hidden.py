"""Features of what a layer in the middle of a network gives: how its hidden state is pooled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import torch

from headstart.core.types import Features, Prefix
from headstart.models.model import Backbone
from headstart.models.pooling import mean_over_tokens
from headstart.models.surgery._blocks import pool_maps
from headstart.models.taps import first

Pool = Literal["auto", "mean", "max", "flatten", "cls"]


def features_at(
    backbone: Backbone, output: Any, x: Any, *, maps: bool, prefix: Prefix | None, kind: Pool = "auto"
) -> Features:
    """Make features of what a layer gave.

    Args:
        backbone: Whose layer; says how it pools tokens itself.
        output: The hidden state, [B, D], [B, T, D] or of four axes, or a tuple that begins with it.
        x: What the backbone was given.
        maps: Whether four axes are [B, C, H, W]; else [B, H, W, C].
        prefix: What the first tokens are, as in `Features`; None of a text.
        kind: How to pool; "auto" is the mean over maps, and over tokens what the network itself does.

    Returns:
        The features.
    """
    out: torch.Tensor = first(output)
    if out.ndim == 2:
        return Features(pooled=out)
    if out.ndim == 4:
        laid = out if maps else out.permute(0, 3, 1, 2)
        name = {"max": "max_pool", "flatten": "flatten"}.get(kind, "avg_pool")
        return Features(pooled=pool_maps(laid, name), maps=[laid])
    mask = backbone.mask_of(x, out.shape[1])  # [B, T]
    features = Features(pooled=_pool_tokens(backbone, out, mask, kind, prefix), tokens=out)
    if mask is not None:
        features["mask"] = mask
    if prefix is not None:
        features["prefix"] = prefix
    return features


def prefix_at(backbone: Backbone, shape: Sequence[int]) -> Prefix | None:
    """Return what the first tokens of a hidden state of this shape are: none where there are patches alone."""
    return () if len(shape) == 3 and shape[1] == _patches(backbone) else backbone.prefix


def _patches(backbone: Backbone) -> int | None:
    """Count the patches that an image transformer (of timm, of transformers) makes."""
    net = getattr(backbone, "net", None)
    embed = getattr(net, "patch_embed", None) or getattr(getattr(net, "embeddings", None), "patch_embeddings", None)
    return getattr(embed, "num_patches", None)


def _pool_tokens(
    backbone: Backbone, tokens: torch.Tensor, mask: torch.Tensor | None, kind: Pool, prefix: Prefix | None
) -> torch.Tensor:
    """Pool tokens [B, T, D]."""
    own = cast(Any, backbone)
    net = getattr(backbone, "net", None)
    skipped = len(prefix or ())
    if kind == "auto":
        first = getattr(own, "pooling", "") == "cls" or getattr(own, "_has_class_token", False)
        kind = "cls" if prefix != () and (first or getattr(net, "global_pool", "") == "token") else "mean"
        skipped = min(skipped, int(getattr(net, "num_prefix_tokens", 0)))  # networks of transformers average all
    if kind == "cls":
        return tokens[:, 0]
    if kind == "flatten":
        return tokens.flatten(1)
    if kind == "max":
        hidden = tokens[:, skipped:]
        return (hidden if mask is None else hidden.masked_fill(mask.unsqueeze(-1) == 0, float("-inf"))).amax(dim=1)
    return mean_over_tokens(tokens[:, skipped:], mask)
