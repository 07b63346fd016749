"""DELTA: the maps of every stage stay near the source's, useful channels most (Li 2019, arXiv:1901.09229, eq. 5-6).

A channel's attention is by how much the loss grows when it is switched off. The paper switches off one channel after
another, a pass over the data each; here all are estimated in one pass by the first-order term, minus the sum of
gradient times activation (as in Molchanov et al. 2017, arXiv:1611.06440, eq. 6). The head that this loss needs is
fitted on the start's features first, as in the paper. Standardised losses over 5, then softmax, and the distance's
scale are those of the authors' code.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from headstart.core.types import Batch, Defaults, Features, ForwardPass, Tuning
from headstart.models.model import Head, Model, check_pooled
from headstart.models.taps import channel_axes, first, stage_modules
from headstart.strategies._groups import backbone_group, head_group
from headstart.strategies._rates import FINE_TUNING
from headstart.strategies._source import FrozenCopy, mean, task_loss, weights

SHARPNESS = 5.0
HEAD_STEPS = 100


@dataclass(frozen=True)
class Delta:
    """All stages learn, under alpha times the distance of each stage's maps from the source's, weighted by attention.

    beta/2 ||w||^2 of the heads is added. A frozen copy of the backbone sees each batch too: a step takes about a
    third more. head_lr: the new head learns so many times faster.
    """

    alpha: float = 0.01
    beta: float = 0.01
    head_lr: float = 10.0
    defaults: ClassVar[Defaults] = FINE_TUNING

    def prepare(self, model: Model) -> Tuning:
        """Let every parameter learn; keep a frozen copy, and listen at the stages of both."""
        weights(model, "delta")
        check_pooled(model, "delta")
        source = FrozenCopy(model.backbone)
        taps, source_taps = Taps(model.backbone), Taps(source.backbone)
        attention: dict[str, torch.Tensor] = {}
        new = list(model.heads.parameters())

        def survey(rows: Callable[[], Iterable[Batch]]) -> None:
            attention.update(channel_attention(model, taps, rows))

        def penalty() -> torch.Tensor:
            return self.beta / 2 * torch.stack([p.square().sum() for p in new]).sum()

        def watch(passes: Sequence[ForwardPass]) -> torch.Tensor:
            losses = []
            for seen in passes:
                pooled = seen.features["pooled"]
                maps = taps.of(seen.features)
                taught = source_taps.of(source.features(seen.x, pooled.device))
                pairs = {
                    stage: (taps.channels(stage, maps[stage]), taps.channels(stage, taught[stage]))
                    for stage in attention
                }
                losses.append(torch.stack([distance(*pair, attention[stage]) for stage, pair in pairs.items()]).sum())
            taps.forget()
            source_taps.forget()
            return self.alpha * mean(losses, model)

        groups = [backbone_group(model), head_group(model, self.head_lr)]
        return Tuning(groups, penalty=penalty, watch=watch, survey=survey, merge=taps.remove)


class Taps:
    """Keeps what each stage gave in a forward pass: [B, D], [B, T, D] or maps."""

    def __init__(self, backbone: Any) -> None:
        self._axes = channel_axes(backbone)
        self._current: dict[str, torch.Tensor] = {}
        self._kept: dict[int, dict[str, torch.Tensor]] = {}
        self._handles = [module.register_forward_hook(self._note(s)) for s, module in stage_modules(backbone).items()]
        self._handles.append(backbone.register_forward_hook(self._finish))

    def of(self, features: Features) -> dict[str, torch.Tensor]:
        """Return the maps by stage of the pass that gave these features."""
        return self._kept[id(features["pooled"])]

    def forget(self) -> None:
        """Let go of all passes."""
        self._kept.clear()

    def remove(self) -> None:
        """Listen no more."""
        for handle in self._handles:
            handle.remove()
        self.forget()

    def _note(self, stage: str) -> Callable[..., None]:
        def note(_: nn.Module, __: Any, output: Any) -> None:
            hidden = first(output)
            if isinstance(hidden, torch.Tensor) and hidden.ndim in (2, 3, 4):
                self._current[stage] = hidden

        return note

    def _finish(self, _: nn.Module, __: Any, features: Features) -> None:
        maps, self._current = self._current, {}
        if torch.is_inference_mode_enabled():
            return  # predictions are not watched
        self._kept[id(features["pooled"])] = maps

    def channels(self, stage: str, hidden: torch.Tensor) -> torch.Tensor:
        """Bring what a stage gave into the form [B, C, P]: channels, and the places of a map or the tokens."""
        hidden = hidden.movedim(self._axes[stage], 1)
        return hidden.flatten(2) if hidden.ndim > 2 else hidden.unsqueeze(2)


def distance(maps: torch.Tensor, taught: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """Weigh each channel's squared distance, mean over the batch.

    Args:
        maps: Now, [B, C, P].
        taught: The source's.
        attention: [C], summing to 1.

    Returns:
        A scalar.
    """
    batch, channels, places = maps.shape
    squares = (maps.float() - taught.float()).square().sum(dim=2)  # [B, C]
    return channels / (2 * places * batch) * (squares * attention).sum()


def channel_attention(model: Model, taps: Taps, rows: Callable[[], Iterable[Batch]]) -> dict[str, torch.Tensor]:
    """Estimate how useful each stage's channels are for the target task.

    Args:
        model: At its start, in evaluation mode.
        taps: The taps of its backbone.
        rows: Gives the labelled training rows.

    Returns:
        Attention [C] by stage, each summing to 1.
    """
    heads = _fit_heads(model, rows)
    growth: dict[str, torch.Tensor] = {}
    for batch in rows():
        with torch.enable_grad():
            features = model.backbone(batch.x)
            loss = task_loss(heads, features, batch) * len(batch)
        maps = taps.of(features)
        slopes = torch.autograd.grad(loss, list(maps.values()), allow_unused=True)
        for (stage, hidden), slope in zip(maps.items(), slopes, strict=True):
            if slope is not None:
                felt = -taps.channels(stage, slope * hidden.detach()).double().sum(dim=(0, 2))  # [C]
                growth[stage] = growth.get(stage, torch.zeros_like(felt)) + felt
        taps.forget()
    return {
        stage: ((g - g.mean()) / g.std(correction=0).clamp(min=1e-12) / SHARPNESS).softmax(dim=0).float()
        for stage, g in growth.items()
    }


def _fit_heads(model: Model, rows: Callable[[], Iterable[Batch]]) -> dict[str, Head]:
    """Fit copies of the heads on the start's pooled features."""
    pooled, seen = [], []
    with torch.inference_mode():
        for batch in rows():
            pooled.append(model.features(batch.x)["pooled"].float())
            seen.append(batch)
    x = torch.cat(pooled)
    labels = {name: torch.cat([each.labels[name] for each in seen]) for name in seen[0].labels}
    known = {name: torch.cat([each.known[name] for each in seen]) for name in seen[0].known}
    together = Batch([row for each in seen for row in each.ids], {}, labels, known=known)
    features: Features = {"pooled": x, "tokens": x.unsqueeze(1)}
    heads = {name: copy.deepcopy(head).requires_grad_(True).eval() for name, head in model.by_target().items()}
    optimiser = torch.optim.AdamW([p for head in heads.values() for p in head.parameters()], lr=1e-2)
    for _ in range(HEAD_STEPS):
        optimiser.zero_grad()
        task_loss(heads, features, together).backward()
        optimiser.step()
    return heads
