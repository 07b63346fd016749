"""What objectives that learn features from rows without labels have in common: two views, and a projection.

They are for a stage before one that learns the labels. The features move, the heads stay, and the projection is thrown
away, as features before it serve other tasks better than what it gives (Chen et al. 2020, arXiv:2002.05709, section
4.2). Deviation: each view passes the network in a call of its own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional

from headstart.core.plugins import name_of
from headstart.core.types import Batch, Loss, Objective, Stream, Update
from headstart.models.model import Model
from headstart.models.pooling import pool
from headstart.objectives._domains import check_moves


@dataclass(frozen=True)
class Pretraining(Objective):
    """Move the features by a loss of two views' projections.

    Attributes:
        pool: The rows: "unlabelled"; "train" takes the labelled ones without their labels, "target" another domain's.
        view: How a row is shown, twice. "plain" leaves it to dropout to tell the two apart.
        temperature: Divides the similarities.
        hidden: Width of the projection's hidden layer.
        dim: Width of the projection.
    """

    pool: str = "unlabelled"
    view: str = "strong"
    temperature: float = 0.1
    hidden: int = 256
    dim: int = 64
    reads: ClassVar[Literal["features", "inputs"]] = "features"
    couples_rows: ClassVar[bool] = True
    criterion: ClassVar[str] = "last"

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0; it is {self.temperature}.")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Rows without labels, in two views."""
        return (Stream("unlabelled", self.pool, labelled=False, views={"one": self.view, "other": self.view}),)

    @property
    def updates(self) -> tuple[Update, ...]:
        """The features and what is thrown away; the heads stay."""
        return (Update(("backbone", "extra"), self.losses),)

    def modules(self, model: Model) -> nn.Module:
        """Make the projection. UsageError: the features are to stay."""
        check_moves(model, name_of(self))
        return Projection(model.backbone.dim, self.hidden, self.dim)

    def losses(self, model: Model, extra: Any, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the loss "views"."""
        batch = batches["unlabelled"]
        heads = [*model.by_target().values()]  # they pool alike; without labels there are none
        pooling = heads[0].pooling if heads else "auto"
        one, other = (extra(pool(model.features(batch.views[key]), pooling)).float() for key in ("one", "other"))
        with torch.autocast(one.device.type, enabled=False):
            return {
                "views": Loss(self.compare(extra, functional.normalize(one), functional.normalize(other), batch.ids))
            }

    @abstractmethod
    def compare(self, extra: Any, one: torch.Tensor, other: torch.Tensor, ids: Sequence[str]) -> torch.Tensor:
        """Compute the loss of two views.

        Args:
            extra: What `modules` made.
            one: Projections of one view, of length 1, [B, dim].
            other: Those of the other view of the same rows.
            ids: The rows' names.

        Returns:
            A scalar.
        """


class Projection(nn.Sequential):
    """Two layers; batch norm takes out what the features of all rows have in common."""

    def __init__(self, features: int, hidden: int, dim: int) -> None:
        layers = (nn.Linear(features, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, dim))
        super().__init__(*layers)
