"""The weights of a text's words beside what the network makes of it: TF-IDF and features in one row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, cast

import torch
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.types import Features
from headstart.inputs._terms import By
from headstart.models.dryrun import to_device
from headstart.models.model import Backbone, device_of
from headstart.models.operate import Body
from headstart.models.surgery._around import Around, forward_of, set_forward

SAMPLE, BATCH = 200, 32  # texts by which the scale is measured, and of them at a time


@dataclass(frozen=True)
class AddTerms:
    """Put the TF-IDF weights of a text's terms beside its features, both of which then count about the same.

    by: "words" (one and two at a time) or "chars" (one to three). texts: the training texts, whose terms they are;
    count: how many terms there are; scale: the length that the features get, by which they differ among the training
    texts as much as the weights do. These three are filled from the data.
    """

    structural: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = True
    by: By = "words"
    texts: Any = None
    count: int | None = None
    scale: float | None = None

    def apply(self, body: Body) -> Self:
        """Learn the terms of the training texts, and let the input give them. UsageError: there are no texts, or the
        network takes no single texts, or has terms already.
        """
        backbone, count, scale = body.backbone, self.count, self.scale
        if isinstance(forward_of(backbone), WithTerms):
            raise UsageError(f"add_terms: {backbone.card.name} has terms beside its features already.")
        if not body.replaying:
            told = backbone.card.input.with_terms(self.by, () if self.texts is None else self.texts)
            if told is None:
                many = backbone.card.input.plural
                raise UsageError(f"add_terms: {backbone.card.name} takes {many}, and only texts have terms.")
            expects, count = told
            scale = _scale(backbone, cast(Any, self.texts)) if scale is None else scale
            body.expect(expects)
            body.note(f"add_terms: {count:,} terms of the training texts beside the features")
        assert count is not None and scale is not None
        set_forward(backbone, WithTerms(backbone, forward_of(backbone), count, scale))
        body.drop_classifier("add_terms")
        return replace(self, texts=None, count=count, scale=scale)


@torch.no_grad()
def _scale(backbone: Backbone, texts: Sequence[Any]) -> float:
    """Measure by what features of length 1 are to be multiplied so that their mean square distance from the mean is 1.

    That of TF-IDF is nearly 1, as most texts have few terms in common.
    """
    was_training = backbone.training
    backbone.eval()
    expects, own = backbone.card.input, []
    items = expects.prepare([texts[place] for place in range(0, len(texts), max(1, len(texts) // SAMPLE))])
    for start in range(0, len(items), BATCH):
        x = to_device(expects.collate(items[start : start + BATCH]), device_of(backbone))
        own.append(functional.normalize(backbone(x)["pooled"].float(), dim=1))
    backbone.train(was_training)
    spread = torch.cat(own).var(dim=0, correction=0).sum().sqrt()
    return round(float(1 / spread.clamp(min=0.01)), 3)


class WithTerms(Around):
    """Puts the weights of the terms behind the features of the network.

    Args:
        backbone: The network.
        inner: As of `Around`.
        count: Of the terms.
        scale: The length that the features get.
    """

    def __init__(self, backbone: Backbone, inner: Callable[[Any], Features] | None, count: int, scale: float) -> None:
        super().__init__(backbone, inner)
        self.count, self.scale = count, scale

    def __call__(self, x: dict[str, torch.Tensor]) -> Features:
        """Compute the features, then add the weights: [B, D + count]."""
        found = self.within(x)
        own = self.scale * functional.normalize(found["pooled"], dim=1)
        weights = x["term_weights"].to(own.dtype)
        row = torch.zeros(len(own), self.count, device=own.device, dtype=own.dtype)
        found["pooled"] = torch.cat([own, row.scatter_add_(1, x["term_ids"], weights)], dim=1)
        return found
