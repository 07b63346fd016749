"""Features computed once where the backbone is a constant: nothing in it learns and nothing is augmented.

The features then stand in for the examples of objectives that read features alone: `Model.features` passes them
through. A backbone that is partly frozen is computed each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from headstart.core.types import Features, Input
from headstart.data.rows import Rows
from headstart.data.transforms import Transform
from headstart.models.model import Model
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


def frozen_rows(rows: Rows, features: np.ndarray) -> Rows:
    """Put pooled features [N, D] in the place of the examples."""
    return Rows(rows.ids, features, rows.labels)
