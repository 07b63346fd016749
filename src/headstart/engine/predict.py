"""Predictions and features of a model over rows: each row once, in the order of the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from headstart.core.errors import TrainingError
from headstart.core.types import Features
from headstart.data.rows import Rows
from headstart.data.streams import in_order
from headstart.data.transforms import Transform
from headstart.engine.distributed import World
from headstart.engine.machine import autocast, keep_memory, to_device
from headstart.engine.memory import is_out_of_memory
from headstart.features.folding import folded, has_norms
from headstart.models.model import Model, pool

ALONE = World()
FEW = 32  # rows


def predict(
    model: Model,
    rows: Rows,
    transform: Transform,
    *,
    batch_size: int = 64,
    workers: int = 0,
    precision: str = "float32",
    check: Callable[[], None] | None = None,
    world: World = ALONE,
) -> np.ndarray:
    """Predict probabilities [N, C] or values [N, T], float32.

    Args:
        model: Is put into evaluation mode meanwhile.
        rows: The rows.
        transform: Makes the examples.
        batch_size: Most rows at a time; fewer where memory runs out.
        workers: Processes that open images.
        precision: Number format.
        check: Is called before each batch.
        world: Processes that share the rows: each computes its part and gets all.

    Returns:
        One prediction a row, in their order.
    """
    settings = _Settings(batch_size, workers, precision, check, world)
    return _run(model, rows, transform, lambda x: model.head.decode(model(x)), settings)


def embed(
    model: Model,
    rows: Rows,
    transform: Transform,
    *,
    batch_size: int = 64,
    workers: int = 0,
    precision: str = "float32",
    check: Callable[[], None] | None = None,
    world: World = ALONE,
) -> np.ndarray:
    """Compute the features that the head sees, [N, D] float32; arguments as of `predict`."""

    def pooled(x: Any) -> torch.Tensor:
        features: Features = model.features(x)
        return pool(features, model.head.pooling)

    return _run(model, rows, transform, pooled, _Settings(batch_size, workers, precision, check, world))


class _Settings(NamedTuple):
    batch_size: int
    workers: int
    precision: str
    check: Callable[[], None] | None
    world: World


def fast_features(model: Model, rows: Rows, transform: Transform, *, precision: str) -> Model:
    """Return a model for `embed` with the same features within 1e-4, but batch norms folded into convolutions.

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
    model: Model, rows: Rows, transform: Transform, compute: Callable[[Any], torch.Tensor], settings: _Settings
) -> np.ndarray:
    keep_memory()
    assert len(rows), "no rows to predict"
    was_training = [module for module in model.modules() if module.training]
    model.eval()
    device = next(model.parameters()).device
    own = rows if settings.world.size == 1 else rows.take(settings.world.places(len(rows)))
    most = settings.batch_size
    result: np.ndarray | None = None
    try:
        with torch.inference_mode(), autocast(settings.precision, device):
            batches = in_order(own, transform, batch_size=most, workers=settings.workers)
            for places, batch in batches:
                if settings.check is not None:
                    settings.check()
                values, most = _in_parts(compute, to_device(batch["x"], device), len(places), most)
                if result is None:
                    result = np.empty((len(own), values.shape[1]), dtype=np.float32)
                result[places] = values
    finally:
        for module in was_training:
            module.training = True
    if result is None:  # fewer rows than processes
        result = np.empty((0, 0), dtype=np.float32)
    return settings.world.gather(result, len(rows))


def _in_parts(compute: Callable[[Any], torch.Tensor], x: Any, rows: int, most: int) -> tuple[np.ndarray, int]:
    """Compute a batch, in smaller parts where memory runs out; give the values, and the size that did."""
    while True:
        try:
            parts = [compute(cut(x, start, start + most)) for start in range(0, rows, most)]
            return torch.cat(parts).float().cpu().numpy(), most
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if most == 1:
                raise TrainingError(
                    "Memory does not suffice to compute a single row. Try a smaller source or --precision bfloat16."
                ) from error
            most = -(-most // 2)


def cut(value: Any, start: int, end: int) -> Any:
    """Cut rows out of a batch, or of any part of one."""
    if isinstance(value, dict):
        return {key: cut(v, start, end) for key, v in value.items()}
    return value[start:end]
