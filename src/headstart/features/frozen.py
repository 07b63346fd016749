"""Features computed once where the backbone is a constant: nothing in it learns and nothing is augmented.

The features then stand in for the examples of objectives that read features alone: `Model.features` passes them
through. A backbone that is partly frozen is computed each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from headstart.core.types import Features
from headstart.data.rows import Rows
from headstart.models.model import Model


def backbone_is_constant(model: Model) -> bool:
    """Return whether plain examples have the same features over the whole stage."""
    return not any(p.requires_grad for p in model.backbone.parameters())


class FeatureTransform:
    """Turns rows of pooled features into batches (a `Transform` for `frozen_rows`); every view is the plain one."""

    def prepare(self, inputs: Any) -> Sequence[Any]:
        """Take the features as they are."""
        return inputs

    def lengths(self, prepared: Sequence[Any]) -> np.ndarray | None:
        """Return None: all examples are of one size."""

    def example(self, item: Any, key: str, seed: int | None) -> Any:
        """Take one row [D]."""
        return item

    def collate(self, examples: list[Any]) -> Features:
        """Stack rows to [B, D]. They are also the one token, so that heads that pool tokens see the same."""
        pooled = torch.from_numpy(np.stack(examples))
        return {"pooled": pooled, "tokens": pooled.unsqueeze(1)}


def frozen_rows(rows: Rows, features: np.ndarray) -> Rows:
    """Put pooled features [N, D] in the place of the examples."""
    return Rows(rows.ids, features, rows.labels)
