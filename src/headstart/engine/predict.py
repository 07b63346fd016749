"""Predictions and features of a model over rows: each row once, in the order of the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from headstart.core.types import Features
from headstart.data.rows import Rows
from headstart.data.streams import in_order
from headstart.data.transforms import Transform
from headstart.engine.machine import autocast, keep_memory, to_device
from headstart.features.folding import folded, has_norms
from headstart.models.model import Model, pool

FEW = 32  # rows


def predict(
    model: Model,
    rows: Rows,
    transform: Transform,
    *,
    batch_size: int = 64,
    workers: int = 0,
    precision: str = "float32",
) -> np.ndarray:
    """Predict probabilities [N, C] or values [N, T], float32."""
    return _run(model, rows, transform, lambda x: model.head.decode(model(x)), batch_size, workers, precision)


def embed(
    model: Model,
    rows: Rows,
    transform: Transform,
    *,
    batch_size: int = 64,
    workers: int = 0,
    precision: str = "float32",
) -> np.ndarray:
    """Compute the features that the head sees, [N, D] float32."""

    def pooled(x: Any) -> torch.Tensor:
        features: Features = model.features(x)
        return pool(features, model.head.pooling)

    return _run(model, rows, transform, pooled, batch_size, workers, precision)


def fast_features(model: Model, rows: Rows, transform: Transform, *, precision: str) -> Model:
    """Give a model for `embed` with the same features within 1e-4, but batch norms folded into convolutions.

    Args:
        model: Its backbone is a constant; it is not changed.
        rows: What is to be embedded; a handful is not worth the copy.
        transform: Makes the examples.
        precision: In bfloat16 other weights are rounded in another way, so nothing is folded.

    Returns:
        Another model with the same heads, or the model itself.
    """
    if precision != "float32" or len(rows) < FEW or not has_norms(model.backbone):
        return model
    _, batch = next(in_order(rows.take(range(2)), transform, batch_size=2))
    fast = folded(model.backbone, to_device(batch["x"], next(model.parameters()).device))
    return model if fast is model.backbone else Model(fast, {"target": model.head})


def _run(
    model: Model,
    rows: Rows,
    transform: Transform,
    compute: Callable[[Any], torch.Tensor],
    batch_size: int,
    workers: int,
    precision: str,
) -> np.ndarray:
    keep_memory()
    was_training = [module for module in model.modules() if module.training]
    model.eval()
    device = next(model.parameters()).device
    result: np.ndarray | None = None
    try:
        with torch.inference_mode(), autocast(precision, device):
            for places, batch in in_order(rows, transform, batch_size=batch_size, workers=workers):
                values = compute(to_device(batch["x"], device)).float().cpu().numpy()
                if result is None:
                    result = np.empty((len(rows), values.shape[1]), dtype=np.float32)
                result[places] = values
    finally:
        for module in was_training:
            module.training = True
    assert result is not None, "no rows to predict"
    return result
