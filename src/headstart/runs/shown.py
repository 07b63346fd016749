"""Whether varied examples still look like their labels: it decides about augmentation where the recipe does not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from headstart.core.learning import cut
from headstart.core.seeding import mix, numpy_generator
from headstart.core.types import Labels, Target
from headstart.data.rows import Rows
from headstart.data.transforms import Draw, Transform, make_transform
from headstart.engine.fast import Fast
from headstart.engine.predict import embed
from headstart.features.frozen import KnownFeatures
from headstart.models.model import Backbone, Model

ROWS = 200  # training rows that are looked at, at most
AT_ONCE = 16  # rows
KEPT = 0.6  # share of what the plain features tell that those of varied examples must still tell
SOFTNESS = 0.1  # of the neighbourhood, in cosine


def blurred(
    view: str, backbone: Backbone, rows: Rows, target: Target, seed: int, known: KnownFeatures | None = None
) -> str:
    """Say why a view should not be used: shown by it, the source no longer sees rows near others of their label.

    Each row's label is guessed from the other rows, by how near their features are (a soft nearest neighbour): once
    from the row shown plainly, once shown by the view. A mirrored photograph stays what it is, a mirrored 5 does not.

    Args:
        view: A view that can show the input.
        backbone: Of the source, pretrained.
        rows: Training rows; a few hundred of them are looked at.
        target: Whose labels count.
        seed: Decides which rows, and what is random in the view.
        known: Features of rows shown plainly that need not be computed again; takes those that are.

    Returns:
        The reason, in words; "" where there is none, or nothing can be told.
    """
    places = np.sort(numpy_generator(seed, "shown").permutation(len(rows))[:ROWS])
    some = rows.take(places)
    wanted = _as_numbers(next(iter(some.labels.values())), target)
    if wanted is None or len(some) < 3:
        return ""
    expects = backbone.card.input
    plain = embed(Model(backbone, {}), some, make_transform(expects), known=known).astype(np.float64)
    varied = _features(backbone, some, make_transform(expects, {"x": view}), seed)
    mean, spread = plain.mean(axis=0), plain.std(axis=0) + 1e-6
    plain, varied = _directions((plain - mean) / spread), _directions((varied - mean) / spread)
    told, still = _explained(plain, plain, wanted), _explained(varied, plain, wanted)
    if not (math.isfinite(told) and math.isfinite(still)) or told <= 0 or still >= KEPT * told:
        return ""
    return (
        f"shown by '{view}', the source's features tell {max(still, 0) / told:.0%} of what they tell about the labels "
        f"of {len(some)} training rows shown plainly, less than {KEPT:.0%}"
    )


def _as_numbers(labels: Labels, target: Target) -> np.ndarray | None:
    """Make columns of labels, [N, C]: one for each class, or the numbers themselves; None where rows are ragged."""
    classes = target.strata(labels)
    if classes is not None:
        return (classes[:, None] == np.unique(classes)).astype(np.float64)
    if not isinstance(labels, np.ndarray) or labels.ndim != 2:
        return None
    return (labels - labels.mean(axis=0)) / (labels.std(axis=0) + 1e-12)


def _features(backbone: Backbone, rows: Rows, transform: Transform, seed: int) -> np.ndarray:
    """Compute the pooled features [N, D] of rows shown by the view "x"."""
    items = transform.prepare(rows.inputs)
    was_training = [module for module in backbone.modules() if module.training]
    backbone.eval()
    found, fast = [], Fast(Model(backbone, {}))
    with torch.inference_mode():
        for start in range(0, len(rows), AT_ONCE):
            places = range(start, min(start + AT_ONCE, len(rows)))
            draws = [Draw(0, mix(seed, "shown", place)) for place in places]
            examples: list[Any] = [transform.example(items[p], "x", d) for p, d in zip(places, draws, strict=True)]
            x = transform.collate(examples)
            found.append(fast.over(len(rows), cut(x, 0, 2), "float32").features(x)["pooled"].float())
    for module in was_training:
        module.training = True
    return torch.cat(found).numpy().astype(np.float64)


def _directions(features: np.ndarray) -> np.ndarray:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _explained(shown: np.ndarray, plain: np.ndarray, wanted: np.ndarray) -> float:
    """Return the share of the labels' variance that is guessed from the other rows, each weighed by its nearness."""
    near = shown @ plain.T / SOFTNESS
    np.fill_diagonal(near, -np.inf)
    weights = np.exp(near - near.max(axis=1, keepdims=True))
    guessed = weights / weights.sum(axis=1, keepdims=True) @ wanted
    whole = ((wanted.mean(axis=0) - wanted) ** 2).sum()
    return float(1 - ((guessed - wanted) ** 2).sum() / whole) if whole else math.nan
