"""Losses of the steps until someone needs to know them: on a GPU, reading one stops the pipeline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import torch

from headstart.core.errors import TrainingError, first_few
from headstart.core.types import Batch
from headstart.engine.distributed import World


class Step(NamedTuple):
    """The losses of one step, which may still be on their way, and the rows that they are of."""

    number: int
    losses: Mapping[str, torch.Tensor]
    rows: Mapping[str, Sequence[str]]


class Losses:
    """Losses that were not read yet.

    Args:
        world: Each process has the part of every loss that its rows make.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._steps: list[Step] = []
        self._last = math.nan

    def add(self, number: int, losses: Mapping[str, torch.Tensor], batches: Mapping[str, Batch]) -> None:
        """Take in a step."""
        self._steps.append(Step(number, losses, {name: batch.ids for name, batch in batches.items()}))

    def take(self) -> list[dict[str, float]]:
        """Read the losses of all steps since the last time, over all processes.

        Returns:
            The named losses of each step.

        Raises:
            TrainingError: One is not finite. On a CPU the step itself finds that before its update.
        """
        steps, self._steps = self._steps, []
        if not steps:
            return []
        own = torch.stack([loss for step in steps for loss in step.losses.values()]).tolist()
        values = iter(self.world.add(own))
        read = [{name: next(values) for name in step.losses} for step in steps]
        for step, losses in zip(steps, read, strict=True):
            if not all(math.isfinite(value) for value in losses.values()):
                raise TrainingError(
                    f"The loss was not finite after step {step.number}: {_listed(losses)}. {_rows(step)} "
                    "No checkpoint holds what came of it. Look at these rows, or lower the learning rate."
                )
        self._last = math.fsum(read[-1].values())
        return read

    def last(self, *, wait: bool) -> float:
        """Return the sum of the last step's losses, or with `wait` False the last one that was read.

        This process's part alone is shown: with several processes it is read at the next line of the log.
        """
        if wait and self._steps and self.world.size == 1:
            self._last = math.fsum(loss.item() for loss in self._steps[-1].losses.values())
        return self._last


def mean_losses(steps: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average each named loss over the steps that have it."""
    found = {name: [step[name] for step in steps if name in step] for name in dict.fromkeys(chain(*steps))}
    return {name: math.fsum(values) / len(values) for name, values in found.items()}


def _listed(losses: Mapping[str, float]) -> str:
    return first_few(f"{name} = {value}" for name, value in losses.items())


def _rows(step: Step) -> str:
    return (
        "Rows of its batch: " + first_few((f"{name}: {first_few(ids)}" for name, ids in step.rows.items()), "; ") + "."
    )
