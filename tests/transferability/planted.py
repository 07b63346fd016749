"""Features of rows with labels that they tell, or do not."""

from __future__ import annotations

import numpy as np

from headstart.transferability._seen import Seen

ROWS, WIDTH, CLASSES = 120, 24, 3


def seen(
    form: str = "classes",
    *,
    signal: float = 1.5,
    rows: int = ROWS,
    width: int = WIDTH,
    seed: int = 0,
    shuffled: bool = False,
) -> Seen:
    """Make rows whose features, and the source's classes, tell their labels.

    Args:
        form: Of the labels.
        signal: How far apart the classes are, beside a noise of 1.
        rows: Their number.
        width: Of the features.
        seed: Of the draw.
        shuffled: Whether the labels are put in another order afterwards, so that nothing tells them.

    Returns:
        Features and labels.
    """
    draw = np.random.default_rng(seed)
    classes = np.arange(rows) % CLASSES
    hot = np.eye(CLASSES)[classes]
    features = signal * hot @ draw.normal(size=(CLASSES, width)) + draw.normal(size=(rows, width))
    logits = features @ draw.normal(size=(width, 8)) / np.sqrt(width) * 2
    source = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if form == "classes":
        labels = classes
    elif form == "labels":
        labels = np.stack([classes == 0, classes != 2], axis=1).astype(np.float32)
    else:
        labels = (features @ draw.normal(size=(width, 2)) + draw.normal(size=(rows, 2))).astype(np.float32)
    if shuffled:
        labels = labels[draw.permutation(rows)]
    return Seen(features, labels, form, source=source, params=1_000_000, source_metric=0.7)
