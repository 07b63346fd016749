"""Bi-tuning: two contrastive losses with class labels beside the task's own loss (Zhong et al. 2020, arXiv:2011.06182).

One contrasts keys by the classifier (their eq. 3), one contrasts projections of the examples (their eq. 5). Keys are
the detached outputs of the learning network itself, for this batch and from a queue of past ones. The paper's keys come
from a momentum copy of the network on a second view of each image; neither is made here, which halves a step's cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.learning import where_known
from headstart.core.types import Defaults, ForwardPass, ParamGroup, Tuning
from headstart.models.model import Head, Model
from headstart.models.pooling import pool
from headstart.strategies._groups import backbone_group, head_group
from headstart.strategies._rates import FINE_TUNING
from headstart.strategies._source import class_heads, mean


@dataclass(frozen=True)
class BiTuning:
    """All stages and the head learn, and a projector that is thrown away; same classes attract, others repel.

    Needs a target of one class a row and the head "linear"; works on each such target. weight: weight of both
    contrastive losses. queue: past keys a class. projection: width of the projected features. head_lr: the new head
    learns so many times faster.
    """

    weight: float = 1.0
    queue: int = 40
    projection: int = 128
    temperature: float = 0.07
    head_lr: float = 10.0
    couples_rows: ClassVar[bool] = True
    defaults: ClassVar[Defaults] = FINE_TUNING

    def __post_init__(self) -> None:
        if min(self.queue, self.projection) < 1 or self.temperature <= 0:
            raise ValueError("queue and projection must be at least 1, temperature above 0.")

    def prepare(self, model: Model) -> Tuning:
        """Put a projector and a queue of keys beside the heads of each target of one class a row. UsageError: there
        is no such target, or its head is not linear.
        """
        heads = class_heads(model, "bi_tuning")
        keys = nn.ModuleDict({name: _keys(head, self.projection, self.queue) for name, head in heads.items()})
        model.add_module("bi_tuning", keys)

        def watch(passes: Sequence[ForwardPass]) -> torch.Tensor:
            losses = []
            for seen in passes:
                for name, labels in seen.labels.items():
                    y = where_known(labels, known := seen.known.get(name))
                    if name in heads and len(y):
                        h = where_known(pool(seen.features, heads[name].pooling).float(), known)
                        losses.append(self._loss(heads[name], cast(Keys, keys[name]), h, y))
            return 2 * self.weight * mean([loss for pair in losses for loss in pair], model)

        def merge() -> None:
            del model.bi_tuning

        groups = [backbone_group(model), ParamGroup(list(keys.parameters())), head_group(model, self.head_lr)]
        return Tuning(groups, watch=watch, merge=merge)

    def _loss(self, head: Head, keys: Keys, h: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the contrast by the classifier, and that of the projections, of pooled features [B, D]."""
        trunk = cast(nn.Linear, head.trunk)
        z = functional.normalize(keys.projector(h).float(), dim=1)  # [B, P]
        h = functional.normalize(functional.pad(h, (0, 1), value=1.0), dim=1)  # [B, D + 1]: 1 meets the bias
        with torch.no_grad():
            all_h, all_z = torch.cat([h, keys.h]), torch.cat([z, keys.z])
            all_y = torch.cat([y, keys.y])
            keys.put(h, z, y)
        # this batch's features get the gradient; the keys beside them do not
        live = torch.cat([h, all_h[len(h) :]])
        w = functional.normalize(torch.cat([trunk.weight, trunk.bias[:, None]], dim=1).float(), dim=1)
        same = y[:, None] == all_y
        there = (all_y >= 0).expand_as(same)
        by_class = contrast(w[y] @ live.T / self.temperature, same, there)
        other = there & ~functional.pad(torch.eye(len(z), dtype=torch.bool, device=z.device), (0, len(keys.y)))
        return by_class, contrast(z @ all_z.T / self.temperature, same & other, other)


class Keys(nn.Module):
    """A projector, and a ring of the last features h and projections z of each class; y is -1 where empty."""

    h: torch.Tensor
    z: torch.Tensor
    y: torch.Tensor
    place: torch.Tensor

    def __init__(self, dim: int, projection: int, classes: int, queue: int) -> None:
        super().__init__()
        self.queue = queue
        self.projector = nn.Linear(dim, projection)
        self.register_buffer("h", torch.zeros(classes * queue, dim + 1))
        self.register_buffer("z", torch.zeros(classes * queue, projection))
        self.register_buffer("y", torch.full((classes * queue,), -1))
        self.register_buffer("place", torch.zeros(classes, dtype=torch.long))

    def put(self, h: torch.Tensor, z: torch.Tensor, y: torch.Tensor) -> None:
        """Take the keys [B, D + 1] and [B, P] of the classes y [B] in, the oldest ones out."""
        for row, label in enumerate(cast(list[int], y.tolist())):
            slot = label * self.queue + int(self.place[label])
            self.h[slot], self.z[slot], self.y[slot] = h[row], z[row], label
            self.place[label] = (self.place[label] + 1) % self.queue


def _keys(head: Head, projection: int, queue: int) -> Keys:
    trunk, classes = head.trunk, len(head.target.classes)
    if not isinstance(trunk, nn.Linear) or trunk.out_features != classes:
        raise UsageError(
            f"bi_tuning needs the head 'linear', whose rows stand for the classes. Use {option('head', 'linear')}."
        )
    return Keys(trunk.in_features, projection, classes, queue).to(trunk.weight.device)


def contrast(logits: torch.Tensor, positive: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Average, over queries and their positive keys, minus the log-probability of the key among all keys.

    Args:
        logits: Similarities [B, K], over the temperature.
        positive: Which keys are of the query's class, [B, K].
        there: Which keys count at all, [B, K].

    Returns:
        A scalar; queries without a positive key count as 0.
    """
    log_p = logits.masked_fill(~there, -torch.inf).log_softmax(dim=1)
    each = -torch.where(positive, log_p, 0.0).sum(dim=1) / positive.sum(dim=1).clamp(min=1)  # [B]
    return each.mean()
