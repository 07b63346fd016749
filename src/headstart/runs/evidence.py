"""What in an example spoke for a model's answer: pieces that are left out in turn, or heat over what the network sees.

A piece's weight is what the answer loses without it (Zeiler & Fergus 2014, arXiv:1311.2901). Heat is gradient x
activation of the deepest stage that still has places (HiResCAM, Draelos & Carin 2020, arXiv:2011.08891), which is
Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) where a linear head follows the mean over places.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.types import Features, Input, Task
from headstart.data.rows import Rows, take
from headstart.data.transforms import Transform, make_transform
from headstart.models.dryrun import to_device
from headstart.models.model import Head, Model, device_of
from headstart.models.taps import channel_axes, evaluating, first, stage_modules

BATCH = 32
HEAT_BATCH = 4  # with gradients
LEAST_PLACES = 16  # of a heat map: coarser ones show little
SURE = 1e-15  # probabilities are cut here before their logarithm is taken


def explained(
    model: Model,
    task: Task,
    name: str,
    rows: Rows,
    places: Sequence[int],
    outputs: np.ndarray,
    thresholds: Mapping[str, float],
) -> list[dict[str, Any]]:
    """Explain the answers for some rows, as plain data beside the modality's preview.

    Args:
        model: With its heads.
        task: What was predicted.
        name: Name of the target.
        rows: Labelled rows.
        places: Which of them.
        outputs: Calibrated outputs of all of them, [N, outputs].
        thresholds: By which classes are decided.

    Returns:
        For each place what the modality shows; nothing where it has neither pieces nor pictures, or the network has no
        gradient.
    """
    target, head, expects = task.targets[name], model.by_target()[name], model.backbone.card.input
    labels = take(rows.labels[name], places)
    chosen = [target.decisive(label, outputs[i], thresholds) for label, i in zip(labels, places, strict=True)]
    items = take(rows.inputs, places)
    transform = make_transform(expects)
    pieces = [expects.pieces(item, task.inputs, rows.inputs) for item in items]
    found: list[dict[str, Any]] = [{} for _ in items]
    with evaluating(model):
        if any(pieces):
            found = _weighed(model, head, transform, items, pieces, chosen)
        elif type(expects).heated is not Input.heated:
            found = _heated(model, head, transform, items, chosen)
    if target.form == "classes" or len(target.names) < 2:
        return found
    return [{**one, "about": target.names[place]} if one else one for one, place in zip(found, chosen, strict=True)]


def _weighed(
    model: Model,
    head: Head,
    transform: Transform,
    items: Sequence[Any],
    pieces: Sequence[Sequence[tuple[str, Any]]],
    chosen: Sequence[int],
) -> list[dict[str, Any]]:
    """Measure what each answer loses without each of its pieces, all in few batches."""
    variants, wanted = [], []
    for item, own, place in zip(items, pieces, chosen, strict=True):
        variants += [item, *(without for _, without in own)]
        wanted += [place] * (1 + len(own))
    prepared = transform.prepare(np.stack(variants) if isinstance(variants[0], np.ndarray) else variants)
    lengths = transform.lengths(prepared)
    order = np.arange(len(variants)) if lengths is None else np.argsort(lengths)
    scores = np.empty(len(variants))
    with torch.inference_mode():
        for start in range(0, len(variants), BATCH):
            batch = [int(i) for i in order[start : start + BATCH]]
            found = _score(head, model.features(_x(model, transform, [prepared[i] for i in batch])))
            scores[batch] = found[range(len(batch)), [wanted[i] for i in batch]].cpu().numpy()
    shown, start = [], 0
    for own in pieces:
        lost = scores[start] - scores[start + 1 : start + 1 + len(own)]
        start += 1 + len(own)
        most = float(np.abs(lost).max(initial=0.0))
        scaled = [float(f"{value / most:.3f}") if most > 0 else 0.0 for value in lost]
        named = [(piece, weight) for (piece, _), weight in zip(own, scaled, strict=True)]
        shown.append(type(transform.expects).weighed(named) if math.isfinite(most) and own else {})
    return shown


def _heated(
    model: Model, head: Head, transform: Transform, items: Sequence[Any], chosen: Sequence[int]
) -> list[dict[str, Any]]:
    prepared = transform.prepare(items)
    shown: list[dict[str, Any]] = []
    for start in range(0, len(items), HEAT_BATCH):
        batch = range(start, min(start + HEAT_BATCH, len(items)))
        maps = heat_maps(model, head, _x(model, transform, [prepared[i] for i in batch]), [chosen[i] for i in batch])
        if maps is None:
            return [{} for _ in items]
        shown += [transform.expects.heated(items[i], heat) for i, heat in zip(batch, maps, strict=True)]
    return shown


def heat_maps(model: Model, head: Head, x: torch.Tensor, chosen: Sequence[int]) -> np.ndarray | None:
    """Find where a batch of pictures spoke for one output each.

    Args:
        model: In evaluation mode.
        head: One of its heads.
        x: Pictures [B, C, H, W].
        chosen: Place of the output, for each.

    Returns:
        [B, h, w], from 0 to 1; None where nothing in the network has places, or no gradient reaches them.
    """
    seen: dict[str, torch.Tensor] = {}
    try:
        axes = channel_axes(model.backbone)
    except UsageError:  # the network cannot be traced
        return None
    handles = []
    for stage, module in stage_modules(model.backbone).items():

        def note(_: nn.Module, __: Any, output: Any, stage: str = stage) -> None:
            seen[stage] = first(output)

        handles.append(module.register_forward_hook(note))
    try:
        with torch.enable_grad():
            start = x.detach().clone().requires_grad_()
            features = model.features(start + 0)  # the first layer may change its input in place
            total = _score(head, features)[range(len(x)), list(chosen)].sum()
            if not total.requires_grad:
                return None
            kept = {stage: hidden for stage, hidden in seen.items() if stage in axes and hidden.requires_grad}
            found = torch.autograd.grad(total, list(kept.values()), allow_unused=True)
    finally:
        for handle in handles:
            handle.remove()
    best = None
    for (stage, hidden), gradient in reversed(list(zip(kept.items(), found, strict=True))):
        grid = None if gradient is None else _grid((hidden * gradient).sum(dim=axes[stage]), features, x)
        if grid is None or not bool((grid.flatten(1) > 0).any()):
            continue
        if best is None or best[0].numel() < LEAST_PLACES:
            best = grid
    return None if best is None else _scaled(best)


def _grid(places: torch.Tensor, features: Features, x: torch.Tensor) -> torch.Tensor | None:
    """Lay out what [B, h, w] or [B, T] places gave as [B, h, w]; None where they are no grid."""
    if places.ndim == 3:
        return places.detach()
    if places.ndim != 2:
        return None
    patches = places[:, len(features.get("prefix") or ()) :].detach()
    height = round(math.sqrt(patches.shape[1] * x.shape[-2] / x.shape[-1]))
    if height < 1 or patches.shape[1] % height:
        return None
    return patches.unflatten(1, (height, -1))


def _scaled(grid: torch.Tensor) -> np.ndarray:
    heat = grid.clamp(min=0).float()
    return (heat / heat.amax(dim=(1, 2), keepdim=True).clamp(min=1e-30)).cpu().numpy()


def _score(head: Head, features: Features) -> torch.Tensor:
    """Compute what an answer is measured by, [B, outputs]: the log odds of a class, the number itself."""
    decoded = head.output.decode(head(features).double())
    if head.target.form == "values":
        return decoded
    p = decoded.clamp(SURE, 1 - SURE)
    return p.log() - (1 - p).log()


def _x(model: Model, transform: Transform, prepared: Sequence[Any]) -> Any:
    examples = [transform.example(item, "x", None) for item in prepared]
    return to_device(transform.collate(examples), device_of(model))
