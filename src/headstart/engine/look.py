"""Let a strategy look at some batches before the first step, to choose by them what learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import cast

import torch
from torch import nn

from headstart.core.seeding import mix
from headstart.core.types import Batch, Loss, ParamGroup
from headstart.data.streams import BatchStream
from headstart.engine.job import Job, Surroundings
from headstart.engine.machine import autocast, to_device
from headstart.models.model import Model


def look(
    model: Model,
    extra: nn.Module,
    choose: Callable[[Iterator[Mapping[str, Batch]], Loss], list[ParamGroup]],
    job: Job,
    around: Surroundings,
    number: int,
) -> list[ParamGroup]:
    """Call a tuning's `look`.

    The batches are those that the stage starts with. The model is in evaluation mode, so that no
    statistics drift, and is left without gradients.

    Args:
        model: Has what may learn set to learn.
        extra: The objective's modules.
        choose: The tuning's `look`.
        job: Gives the objective and the training rows.
        around: Gives device, precision and seed.
        number: Of the stage.

    Returns:
        The groups that learn.
    """
    streams = {
        stream.name: BatchStream(
            job.training[stream.name].rows,
            job.training[stream.name].transform,
            stream=stream,
            batch_size=job.stage.batch_size,
            seed=mix(around.seed, "stream", number),
            workers=0,
        ).batches()
        for stream in job.objective.streams
    }

    def batches() -> Iterator[Mapping[str, Batch]]:
        while True:
            yield {name: cast(Batch, to_device(next(stream), around.device)) for name, stream in streams.items()}

    def loss(given: Mapping[str, Batch], /) -> torch.Tensor:
        with autocast(around.precision, around.device):
            losses = job.objective.losses(model, extra, given, 0.0)
        return torch.stack([value.float() for value in losses.values()]).sum()

    torch.manual_seed(mix(around.seed, "look", number))
    model.eval()
    extra.eval()
    groups = choose(batches(), loss)
    model.zero_grad(set_to_none=True)
    extra.zero_grad(set_to_none=True)
    return groups
