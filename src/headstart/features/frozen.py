"""Features computed once where the backbone is a constant: nothing in it learns and nothing is augmented.

The features then stand in for the examples of objectives that read features alone: `Model.features` passes them
through. A backbone that is partly frozen is computed each time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from headstart.core.types import Features, Input
from headstart.data.rows import Rows
from headstart.data.transforms import Transform
from headstart.models.cards import card_to_plain
from headstart.models.model import Backbone, Model
from headstart.views.plain import Plain


def backbone_is_constant(model: Model) -> bool:
    """Return whether plain examples have the same features over the whole stage."""
    return not any(p.requires_grad for p in model.backbone.parameters())


@dataclass(frozen=True)
class _Pooled(Input):
    """Rows of pooled features, as if they were a modality."""

    def collate(self, examples: list[Any]) -> Features:
        """Stack rows to [B, D]. They are also the one token, so that heads that pool tokens see the same."""
        pooled = torch.from_numpy(np.stack(examples))
        return {"pooled": pooled, "tokens": pooled.unsqueeze(1)}


class FeatureTransform(Transform):
    """Turns rows of pooled features into batches (for `frozen_rows`)."""

    def __init__(self) -> None:
        expects = _Pooled()  # pyright: ignore[reportAbstractUsage]  # it is never read from data
        super().__init__(expects, {"x": Plain()})


class KnownFeatures:
    """Features of backbones as they were, by row, so that rows that come again are not computed again.

    A backbone is known again by all that its features depend on, so that one that moved is another one.
    """

    def __init__(self) -> None:
        self._known: dict[str, dict[tuple[str, bytes], np.ndarray]] = {}

    def get(
        self, backbone: Backbone, rows: Rows, compute: Callable[[Rows], np.ndarray], *, how: str = ""
    ) -> np.ndarray:
        """Return the features of rows, [N, D], computing those that are not known.

        Args:
            backbone: As it stands now.
            rows: Known again by name and content; without digests all are computed.
            compute: Gives the features of rows.
            how: What else they depend on, such as the pooling and the number format.

        Returns:
            The features.
        """
        if not rows.digests:
            return compute(rows)
        known = self._known.setdefault(f"{how} {_fingerprint(backbone)}", {})
        keys = list(zip(rows.ids, rows.digests, strict=True))
        places = [place for place, key in enumerate(keys) if key not in known]
        if places:
            computed = compute(rows if len(places) == len(rows) else rows.take(places))
            known |= {keys[place]: row for place, row in zip(places, computed, strict=True)}
        return np.stack([known[key] for key in keys])


def _fingerprint(backbone: Backbone) -> str:
    """Hash all that a backbone's features depend on: its card, its modules and hooks, and its tensors, by name."""
    card = card_to_plain(backbone.card)
    for name in backbone.card.input.files:  # a saved model has them in its own folder
        card["input"].pop(name)
    hasher = hashlib.sha256(json.dumps(card, sort_keys=True).encode())
    for name, module in backbone.named_modules():
        hooks = len(module._forward_hooks) + len(module._forward_pre_hooks)
        hasher.update(f"{name} {type(module).__name__} {hooks}\n".encode())
    for name, tensor in backbone.state_dict().items():
        hasher.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        hasher.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return hasher.hexdigest()


def frozen_rows(rows: Rows, features: np.ndarray) -> Rows:
    """Put pooled features [N, D] in the place of the examples."""
    return Rows(rows.ids, features, rows.labels)
