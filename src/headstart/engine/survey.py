"""One pass over labelled training rows, for strategies that learn from them before the first step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from headstart.core.types import Batch
from headstart.data.streams import in_order
from headstart.engine.job import Examples
from headstart.engine.machine import to_device
from headstart.models.model import Model

BATCH_SIZE = 32


def survey(model: Model, examples: Examples, *, workers: int) -> Iterator[Batch]:
    """Give every row once, on the model's device, and leave the model in evaluation mode.

    Args:
        model: Says where batches go.
        examples: Labelled rows, with a transform that does not augment.
        workers: Processes that open images.

    Yields:
        Batches, the same at each call.
    """
    model.eval()
    device = next(model.parameters()).device
    for _, batch in in_order(*examples, batch_size=BATCH_SIZE, workers=workers):
        yield cast(Batch, to_device(batch, device))
