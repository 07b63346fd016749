"""What stands in the place of a backbone's `forward` where two parts of an example go through it one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch.nn import functional

from headstart.core.types import Features
from headstart.models.model import Backbone
from headstart.models.surgery._around import Around

Parts = Literal["all", "symmetric", "cosine"]
COSINE = 8.0  # times the cosine: few rows then learn from it first, and from the many other columns as rows are added


class Towers(Around):
    """Lets both parts of an example through the network.

    Args:
        backbone: The network.
        inner: As of `Around`.
        features: What is made of the features of both.
    """

    def __init__(self, backbone: Backbone, inner: Callable[[Any], Features] | None, features: Parts) -> None:
        super().__init__(backbone, inner)
        self.features: Parts = features

    def __call__(self, x: Any) -> Features:  # tensors [B, 2, …]
        """Compute the features of all parts at once, then compare them."""
        flat = {name: part.flatten(0, 1) for name, part in x.items()} if isinstance(x, dict) else x.flatten(0, 1)
        u, v = self.within(flat)["pooled"].unflatten(0, (-1, 2)).unbind(dim=1)
        return Features(pooled=compare(u, v, self.features))


def compare(u: torch.Tensor, v: torch.Tensor, features: Parts) -> torch.Tensor:
    """Make the features of pairs: groups of columns, each of a length of about 1, and the cosine.

    Args:
        u: Features of the first of each pair [B, D].
        v: Features of the second.
        features: As of `Siamese`.

    Returns:
        [B, 1], [B, 2 D + 1] or [B, 4 D + 1].
    """
    u, v = functional.normalize(u, dim=1), functional.normalize(v, dim=1)
    product = u * v
    cosine = COSINE * product.sum(dim=1, keepdim=True)
    if features == "cosine":
        return cosine
    compared = [cosine, (u - v).abs(), product * u.shape[1] ** 0.5]
    return torch.cat([*compared, *([u, v] if features == "all" else [])], dim=1)
