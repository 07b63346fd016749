"""The heads solved on features of the source that a mapping has brought to the target's, or on weighted rows.

The backbone stays as it is, so that this costs one pass over the rows of both domains. What a mapping does to target
rows is affine, and is folded into the linear head, which comes next: the saved model holds it and needs no more. The
figures on validation rows are those of the source's rows as they are, whom nothing maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import nn

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.types import Batch, FeatureMapping, Loss, Mapped
from headstart.models.model import Model
from headstart.objectives._domains import TwoDomains
from headstart.objectives._few import learnt
from headstart.objectives._tasks import task_losses


@dataclass(frozen=True)
class MappedFeatures(TwoDomains):
    """Solve the heads on the source's features, mapped to the target's; with the strategy linear_probe.

    Attributes:
        mapping: A file of `mappings/` with its options: "jdot", "subspace dim=32".
    """

    mapping: str = "jdot"
    is_heads_loss: ClassVar[bool] = True
    learns_by_steps: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._made()

    def losses(self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the loss that is minimised, before anything is mapped."""
        source = batches["source"]
        losses = task_losses(model, model.features(source.x), source, self.loss_options)
        return learnt(model, losses, batches, self.loss_options)

    def maps(self, model: Model, features: Mapping[str, np.ndarray], labels: Mapping[str, Any]) -> Mapped:
        """Fit the mapping to features [N, D] and [M, D] of both streams."""
        ((name, y),) = labels.items() if len(labels) == 1 else (("", None),)
        target = None if y is None else model.by_target()[name].target
        classes = y if target is not None and target.form == "classes" else None
        source, other = (features[stream].astype(np.float64) for stream in ("source", "target"))
        return self._made().fit(source, other, classes)

    def _made(self) -> FeatureMapping:
        choice = Choice.parse(self.mapping, "mapping")
        return plugins.build("mappings", choice.name, choice.options)
