"""Outputs and features of a model over rows: each row once, in the order of the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from headstart.core.errors import TrainingError
from headstart.core.interface import option
from headstart.core.learning import cut, map_tensors
from headstart.core.progress import working
from headstart.core.types import Measured
from headstart.data.rows import Rows
from headstart.data.streams import in_order
from headstart.data.transforms import Transform
from headstart.engine.distributed import World
from headstart.engine.fast import Fast
from headstart.engine.machine import autocast, keep_memory, to_device
from headstart.engine.memory import is_out_of_memory
from headstart.features.frozen import FeatureTransform, KnownFeatures, frozen_rows
from headstart.models.hidden import features_at, prefix_at
from headstart.models.model import Head, Model, device_of, reads_more
from headstart.models.pooling import Pooling, pool
from headstart.models.taps import channel_axes, first, stage_modules

ALONE = World()
BATCH = 64  # rows at a time
PART = 64 * BATCH  # rows whose outputs are given at once: enough that texts of like length share a batch
PIECE = 12 * 2**20  # bytes of input at a time on a CPU: 20 pictures are as fast as 64, in a quarter of the memory
FEATURES = ""  # the name beside those of the targets, which are never empty
Tensors = Mapping[str, torch.Tensor]


def predict(
    model: Model,
    rows: Rows,
    transform: Transform,
    *,
    batch_size: int = BATCH,
    workers: int = 0,
    precision: str = "float32",
    check: Callable[[], None] | None = None,
    world: World = ALONE,
    known: KnownFeatures | None = None,
    fast: Fast | None = None,
) -> dict[str, np.ndarray]:
    """Predict for every target at once: probabilities [N, C] or values [N, T], float32; of a dense one [N, …] uint8.

    Args:
        model: Is put into evaluation mode meanwhile.
        rows: The rows.
        transform: Makes the examples.
        batch_size: Most rows at a time; fewer where memory runs out.
        workers: Processes that open images.
        precision: Number format.
        check: Is called before each batch.
        world: Processes that divide the rows: each computes its shard and gets all.
        known: Features that need not be computed again; takes those that are computed now.
        fast: The model's faster copy, which is kept; None makes one for this pass.

    Returns:
        By target, one prediction a row, in their order.
    """
    settings = _Settings("predicting", batch_size, workers, precision, check, world, known, fast)
    shown = _known(model, rows, transform, settings)
    return _run(model, *shown, settings, list(model.heads), _predicted)


def predict_in_parts(
    model: Model,
    rows: Rows,
    transform: Transform,
    *,
    size: int,
    workers: int,
    precision: str,
    fast: Fast,
    features: bool = False,
) -> Iterator[dict[str, np.ndarray]]:
    """Predict for rows of any number in bounded memory: in one pass, whose worker processes live through it.

    Args:
        model: Is put into evaluation mode until the last part is taken.
        rows: The rows.
        transform: Makes the examples.
        size: Rows in a part, a multiple of `BATCH`.
        workers: Processes that open images.
        precision: Number format.
        fast: The model's faster copy.
        features: Whether to give the pooled features, too.

    Yields:
        Of each part in order, what `predict` gives, and features [N, D] as `FEATURES`; it is computed when it is asked
        for.
    """
    settings = _Settings("predicting", BATCH, workers, precision, None, ALONE, None, fast)
    yield from _parts(model, rows, transform, settings, _measured if features else _predicted, size)


def embed(
    model: Model,
    rows: Rows,
    transform: Transform,
    *,
    batch_size: int = BATCH,
    workers: int = 0,
    precision: str = "float32",
    check: Callable[[], None] | None = None,
    world: World = ALONE,
    known: KnownFeatures | None = None,
    fast: Fast | None = None,
) -> np.ndarray:
    """Compute the features that the heads see, [N, D] float32; arguments as of `predict`."""
    settings = _Settings("computing features", batch_size, workers, precision, check, world, known, fast)
    return _features(model, rows, transform, settings)


def embed_stages(model: Model, rows: Rows, transform: Transform, *, workers: int = 0) -> dict[str, np.ndarray]:
    """Compute the features that the backbone would have if it were cut after each of its stages, in one pass.

    The last stage ends with all that comes after its layers, such as a norm.

    Args:
        model: Is put into evaluation mode meanwhile.
        rows: The rows.
        transform: Makes the examples.
        workers: Processes that open images.

    Returns:
        By stage in order, [N, channels of the stage] float32. A stage that gives no tensor of 2, 3 or 4 axes is left
        out.

    Raises:
        UsageError: The network cannot be run.
    """
    backbone = model.backbone
    axes, modules = channel_axes(backbone), stage_modules(backbone)
    names = {module: name for name, module in backbone.named_modules()}

    def compute(model: Model, x: Any) -> Tensors:
        seen: dict[str, torch.Tensor] = {}

        def note(stage: str) -> Callable[[Any, Any, Any], None]:
            def keep(_: Any, __: Any, output: Any) -> None:
                prefix = prefix_at(backbone, first(output).shape)
                seen[stage] = features_at(backbone, output, x, maps=axes[stage] == 1, prefix=prefix)["pooled"]

            return keep

        handles = [
            model.backbone.get_submodule(names[modules[stage]]).register_forward_hook(note(stage)) for stage in axes
        ]
        try:
            model.backbone(x)
        finally:
            for handle in handles:
                handle.remove()
        return seen

    settings = _Settings("computing stages", BATCH, workers, "float32", None, ALONE, None, None)
    return _run(model, rows, transform, settings, list(axes), compute)


def measure(
    model: Model,
    rows: Rows,
    transform: Transform,
    *,
    features: bool = False,
    batch_size: int = BATCH,
    workers: int = 0,
    precision: str = "float32",
    check: Callable[[], None] | None = None,
    world: World = ALONE,
    known: KnownFeatures | None = None,
    fast: Fast | None = None,
) -> Measured:
    """Compute what a criterion looks at, in one pass: the outputs and, if asked, the features; else as `predict`."""
    settings = _Settings("measuring", batch_size, workers, precision, check, world, known, fast)
    names = [*model.heads, *([FEATURES] if features else [])]
    shown = _known(model, rows, transform, settings)
    found = _run(model, *shown, settings, names, _measured if features else _predicted)
    return Measured(rows, {name: found[name] for name in model.heads}, found.get(FEATURES))


class _Settings(NamedTuple):
    what: str
    batch_size: int
    workers: int
    precision: str
    check: Callable[[], None] | None
    world: World
    known: KnownFeatures | None
    fast: Fast | None


def _known(model: Model, rows: Rows, transform: Transform, settings: _Settings) -> tuple[Rows, Transform]:
    """Put the features of rows in the place of the examples, where features are to be kept."""
    if settings.known is None or isinstance(transform, FeatureTransform) or reads_more(model):
        return rows, transform
    return frozen_rows(rows, _features(model, rows, transform, settings)), FeatureTransform()


def _features(model: Model, rows: Rows, transform: Transform, settings: _Settings) -> np.ndarray:
    """Compute the pooled features that are not known, [N, D]."""

    def compute(own: Rows) -> np.ndarray:
        def pooled(model: Model, x: Any) -> Tensors:
            return {FEATURES: _pooled(model, model.features(x))}

        return _run(model, own, transform, settings, [FEATURES], pooled)[FEATURES]

    how = f"{_pooling(model)} {settings.precision} {device_of(model).type}"
    if settings.known is None:
        return compute(rows)

    def agree(here: list[bool]) -> list[bool]:
        return [count == settings.world.size for count in settings.world.add(list(map(float, here)))]

    return settings.known.get(model.backbone, rows, compute, how=how, agree=agree)


def _heads(model: Model) -> dict[str, Head]:
    return {name: head for name, head in model.heads.items() if isinstance(head, Head)}


def _predicted(model: Model, x: Any) -> Tensors:
    return _outputs(model, model.features(x))


def _measured(model: Model, x: Any) -> Tensors:
    features = model.features(x)
    return {**_outputs(model, features), FEATURES: _pooled(model, features)}


def _outputs(model: Model, features: Any) -> dict[str, torch.Tensor]:
    return {name: head.decode(head(features)) for name, head in _heads(model).items()}


def _pooled(model: Model, features: Any) -> torch.Tensor:
    return pool(features, _pooling(model))


def _pooling(model: Model) -> Pooling:
    """Return how the heads pool, which are all of one kind; without a head how the backbone does."""
    poolings: list[Pooling] = [head.pooling for head in _heads(model).values()]
    return poolings[0] if poolings else "auto"


def _run(
    model: Model,
    rows: Rows,
    transform: Transform,
    settings: _Settings,
    names: Sequence[str],
    compute: Callable[[Model, Any], Tensors],
) -> dict[str, np.ndarray]:
    assert len(rows), "no rows to predict"
    world = settings.world
    own = rows if world.size == 1 else rows.take(world.places(len(rows)))
    own = own if transform.lays else own.unlabelled()
    (result,) = [*_parts(model, own, transform, settings, compute, len(own))] or [{}]
    if world.size == 1:
        return result
    empty = np.empty((0, 0), dtype=np.float32)  # where there are fewer rows than processes
    return {name: world.gather(result.get(name, empty), len(rows)) for name in names}


def _parts(
    model: Model,
    rows: Rows,
    transform: Transform,
    settings: _Settings,
    compute: Callable[[Model, Any], Tensors],
    size: int,
) -> Iterator[dict[str, np.ndarray]]:
    """Compute what is asked for of each part of so many rows, in one pass."""
    assert size >= len(rows) or size % settings.batch_size == 0, "a batch would be in two parts"
    keep_memory()
    was_training = [module for module in model.modules() if module.training]
    model.eval()
    device = device_of(model)
    most, pin = settings.batch_size, device.type == "cuda"
    faster: Model | None = None
    try:
        with working(settings.what, len(rows)) as advance:
            batches = in_order(rows, transform, batch_size=most, workers=settings.workers, pin=pin, part=size)
            for start in range(0, len(rows), max(1, size)):
                left = min(size, len(rows) - start)
                result: dict[str, np.ndarray] = {}
                # a generator must not leave these switched on for whoever takes the part
                with torch.inference_mode(), autocast(settings.precision, device):
                    while left:
                        places, batch = next(batches)
                        if settings.check is not None:
                            settings.check()
                        x = to_device(batch, device).x
                        if device.type == "cpu":
                            most = min(most, max(1, PIECE * len(places) // max(1, _bytes(x))))
                        if faster is None:
                            faster = (settings.fast or Fast(model)).over(len(rows), cut(x, 0, 2), settings.precision)
                        found, most = _in_pieces(partial(compute, faster), x, len(places), most)
                        for name, values in found.items():
                            if name not in result:
                                shape = (min(size, len(rows) - start), *values.shape[1:])
                                result[name] = np.empty(shape, dtype=values.dtype)
                            result[name][places - start] = values
                        left -= len(places)
                        advance(len(places))
                yield result
    finally:
        for module in was_training:
            module.training = True


def _bytes(x: Any) -> int:
    """Count the bytes of all tensors."""
    total = 0

    def add(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal total
        total += tensor.nbytes
        return tensor

    map_tensors(x, add)
    return total


def _as_array(tensor: torch.Tensor) -> np.ndarray:
    """Return numbers as float32, and what is decided for each place of an example, in bytes, as it is."""
    return (tensor if tensor.dtype == torch.uint8 else tensor.float()).cpu().numpy()


def _in_pieces(compute: Callable[[Any], Tensors], x: Any, rows: int, most: int) -> tuple[dict[str, np.ndarray], int]:
    """Compute a batch, in smaller pieces where memory runs out; return the values, and the size that did."""
    while True:
        try:
            size = -(-rows // -(-rows // most))  # pieces of like size
            pieces = [compute(cut(x, start, start + size)) for start in range(0, rows, size)]
            joined = {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}
            return {name: _as_array(tensor) for name, tensor in joined.items()}, most
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if most == 1:
                raise TrainingError(
                    "Memory does not suffice to compute a single row. Try a smaller source, or compute on another "
                    f"device ({option('device')})."
                ) from error
            most = -(-most // 2)
