"""Head2Toe: the head learns on features chosen from all stages (Evci et al. 2022, arXiv:2201.03529, section 3).

As in the paper, a linear model with a group lasso scores all features at once, and the best are
kept. Unlike there, each stage is pooled to one number a channel, features are standardised, and as
many are kept as the backbone has pooled ones, so that any head fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.learning import where_known
from headstart.core.types import Batch, Defaults, Features, Tuning
from headstart.models.model import Backbone, Head, Model, check_pooled, device_of
from headstart.models.pooling import mean_over_tokens
from headstart.models.taps import channel_axes, first, stage_modules, stage_shapes
from headstart.strategies._groups import head_group
from headstart.strategies._insert import insert_once

FIT_STEPS, FIT_RATE = 200, 1e-2  # of the linear model that scores the features; it is full-batch and takes a second


@dataclass(frozen=True)
class Head2Toe:
    """Features are chosen by the training rows and a group lasso of weight `lasso`; only the head learns."""

    lasso: float = 1e-3
    defaults: ClassVar[Defaults] = Defaults(lr=3e-4, epochs=60, augment="plain", optimiser="solve")

    def __post_init__(self) -> None:
        if self.lasso < 0:
            raise ValueError(f"lasso must not be below 0; it is {self.lasso}.")

    def prepare(self, model: Model) -> Tuning:
        """Tap the stages; the features are chosen before the first step. UsageError: heads read others, too."""
        check_pooled(model, "head2toe")
        select = self.insert(model.backbone)

        @torch.no_grad()
        def survey(rows: Callable[[], Iterable[Batch]]) -> None:
            select.take_all()
            seen = [(model.backbone(batch.x)["pooled"].float(), batch) for batch in rows()]
            features = torch.cat([pooled for pooled, _ in seen])  # [N, F]
            mean, std = features.mean(dim=0), features.std(dim=0, correction=0).clamp(min=1e-6)
            scores = torch.zeros_like(mean)
            for name, head in model.by_target().items():
                known = torch.cat([batch.known.get(name, own.new_ones(len(own)).bool()) for own, batch in seen])
                y = where_known(torch.cat([batch.labels[name] for _, batch in seen]), known)
                own = where_known((features - mean) / std, known)
                scores += feature_scores(own, y, head, head.target.outputs, self.lasso)
            best = scores.topk(model.backbone.dim).indices.sort().values
            select.take(best, mean[best], std[best])

        return Tuning([head_group(model)], survey=survey)

    def insert(self, backbone: Backbone) -> Select:
        """Tap the stages. Until features are chosen, they are the backbone's own."""
        return insert_once(backbone, self, _make)


@torch.enable_grad()
def feature_scores(features: torch.Tensor, y: torch.Tensor, head: Head, outputs: int, lasso: float) -> torch.Tensor:
    """Score features by the size of their weights in a linear model with a group lasso (eq. 3).

    Args:
        features: Standardised, [N, F].
        y: Labels as in `Batch`.
        head: Gives the task's loss.
        outputs: Numbers that the head gives for an example.
        lasso: Weight of the sum over features of their weights' norms.

    Returns:
        Norms, [F].
    """
    weight = features.new_zeros(features.shape[1], outputs).requires_grad_()
    bias = features.new_zeros(outputs).requires_grad_()
    optimiser = torch.optim.Adam([weight, bias], lr=FIT_RATE)
    for _ in range(FIT_STEPS):
        optimiser.zero_grad()
        norms = (weight.square().sum(dim=1) + 1e-12).sqrt()
        (head.loss(features @ weight + bias, y) + lasso * norms.sum()).backward()
        optimiser.step()
    return weight.detach().norm(dim=1)


class Tap(nn.Module):
    """Keep what a module gives until it is fetched."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.hidden: torch.Tensor | None = None

    def after(self, _: nn.Module, __: Any, output: Any) -> None:
        """Stand behind a module, as its forward hook."""
        self.hidden = first(output)

    def fetch(self, mask: torch.Tensor | None) -> torch.Tensor:
        """Return the hidden state pooled to [B, C], and forget it."""
        hidden, self.hidden = self.hidden, None
        assert hidden is not None
        if hidden.ndim == 3:
            return mean_over_tokens(hidden, mask)
        return hidden if hidden.ndim == 2 else hidden.movedim(self.axis, -1).mean(dim=(1, 2))


class Select(nn.Module):
    """Choose from all stages' features."""

    index: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, taps: list[Tap], total: int, dim: int) -> None:
        super().__init__()
        self.taps = nn.ModuleList(taps)
        self.total = total
        self.register_buffer("index", torch.arange(total - dim, total))  # the backbone's own come last
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))

    def take(self, index: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> None:
        """Choose features by their places, and standardise them; each argument is [number of features]."""
        self.index, self.mean, self.std = index, mean, std

    def take_all(self) -> None:
        """Choose all features, as they are."""
        zeros = torch.zeros(self.total, device=self.index.device)
        self.take(torch.arange(self.total, device=self.index.device), zeros, zeros + 1)

    def after(self, _: nn.Module, __: Any, base: Features) -> Features:
        """Stand behind the backbone, as its forward hook. What is chosen is the one token too, for heads that pool."""
        mask = base.get("mask")
        tapped = [cast(Tap, tap).fetch(mask) for tap in self.taps]
        pooled = torch.cat([*tapped, base["pooled"]], dim=1)  # [B, F]
        chosen = (pooled[:, self.index] - self.mean) / self.std
        return Features(pooled=chosen, tokens=chosen.unsqueeze(1))


def _make(backbone: Backbone) -> Select:
    modules, shapes = stage_modules(backbone), stage_shapes(backbone)
    if any(shape[0] > 1 for shape in shapes.values()):
        raise UsageError(
            f"head2toe takes each example's features from all layers, and {backbone.card.name} sees two parts of an "
            "example one by one (surgery). Leave that operation out, or use linear_probe."
        )
    taps, total, axes = [], backbone.dim, channel_axes(backbone)
    for stage, shape in shapes.items():
        tap = Tap(axes[stage])
        modules[stage].register_forward_hook(tap.after)
        taps.append(tap)
        total += shape[axes[stage]]
    select = Select(taps, total, backbone.dim).to(device_of(backbone))
    backbone.register_forward_hook(select.after)
    return select
