"""Features computed once where the backbone is a constant: nothing in it learns and nothing is augmented.

The features then stand in for the examples: `Model.features` passes them through, so that any
objective trains on them without knowing. A backbone that is partly frozen is computed each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from headstart.core.types import Features
from headstart.data.rows import Rows
from headstart.models.model import Model


def backbone_is_constant(model: Model, augment: str) -> bool:
    """Return whether each example's features stay the same over the whole stage."""
    return augment == "none" and not any(p.requires_grad for p in model.backbone.parameters())


class FeatureTransform:
    """Turns rows of pooled features into batches (a `Transform` for `frozen_rows`)."""

    def prepare(self, rows: Rows) -> Sequence[Any]:
        """Take the features as they are."""
        return rows.inputs

    def lengths(self, prepared: Sequence[Any]) -> np.ndarray | None:
        """Say that all examples are of one size."""
        return None

    def example(self, item: Any, seed: int | None) -> Any:
        """Take one row [D]."""
        return item

    def collate(self, examples: list[Any]) -> Features:
        """Stack rows to [B, D]. They are also the one token, so that heads that pool tokens see the same."""
        pooled = torch.from_numpy(np.stack(examples))
        return {"pooled": pooled, "tokens": pooled.unsqueeze(1)}


def frozen_rows(rows: Rows, features: np.ndarray) -> Rows:
    """Put pooled features [N, D] in the place of the examples."""
    return Rows(rows.ids, features, rows.labels)
