"""Several tasks at once, each from rows of its own: a batch of every task a step, or one task after another.

Sizes by the number of rows n to the power 1 / T: T = 1 is proportional, a large T nearly equal (temperature sampling:
Arivazhagan et al. 2019, arXiv:1907.05019, section 4.2; Raffel et al. 2020, arXiv:1910.10683, section 3.5.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from torch import nn

from headstart.core.errors import unknown
from headstart.core.seeding import numpy_generator
from headstart.core.types import Batch, Loss, Stream
from headstart.data.pools import TASK
from headstart.models.model import Model
from headstart.objectives._smoothed import Smoothed
from headstart.objectives._tasks import task_losses


@dataclass(frozen=True)
class Tasks(Smoothed):
    """Minimise the sum of the tasks' losses, each the mean over a batch of its own.

    Heads on features that stay the same have no part in common, so that each may be solved on all rows of its task.

    A batch has rows of one task, so that rows with labels of several are shown for each of them. Where the data has one
    task, it is learnt as `supervised` does.

    Attributes:
        sampling: "equal" gives each task as many rows a step; "proportional" as its number of rows is, "temperature" as
            that is to the power 1 / temperature. The mean over tasks is the batch size.
        temperature: Of that.
        alternating: Whether a step takes one task, with a full batch: drawn with these shares, by the seed and the
            number of the step. A task that is drawn more often then weighs more, too.
        only: The one task that learns, where the others wait for another stage. None lets all learn.
    """

    is_heads_loss: ClassVar[bool] = True
    sampling: Literal["equal", "proportional", "temperature"] = "equal"
    temperature: float = 2.0
    alternating: bool = False
    only: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.temperature >= 1:
            raise ValueError(f"temperature must be 1 or more; it is {self.temperature}.")
        if self.only is not None and (self.alternating or self.sampling != "equal"):
            raise ValueError("only leaves one task, and nothing to choose by sampling or alternating.")

    def streams_in(self, pools: Mapping[str, Sized]) -> tuple[Stream, ...]:
        """Return a stream for the pool of each task that learns. UsageError: there is no such task."""
        rows = {name: len(pool) for name, pool in pools.items() if name.startswith(TASK)}
        if not rows:
            return self.streams
        if self.only is not None:
            if f"{TASK}{self.only}" not in rows:
                raise unknown("task", self.only, [name.removeprefix(TASK) for name in rows])
            return (Stream(f"{TASK}{self.only}"),)
        sizes = np.ones(len(rows)) if self.alternating else len(rows) * self._shares(rows)
        return tuple(Stream(name, size=float(size)) for name, size in zip(rows, sizes, strict=True))

    def turn(self, rows: Mapping[str, int], seed: int) -> tuple[str, ...]:
        """Take all tasks, or draw one."""
        if not self.alternating:
            return super().turn(rows, seed)
        return (str(numpy_generator(seed).choice(list(rows), p=self._shares(rows))),)

    def losses(self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the loss "task:NAME" of each task that the step has a batch of, from the features of that task."""
        found: dict[str, Loss] = {}
        for stream, batch in batches.items():
            name = stream.removeprefix(TASK) if stream.startswith(TASK) else None
            own = task_losses(model, model.features(batch.x, name), batch, self.loss_options)
            found |= own if name is None else {stream: own["task"]}
        return found

    def _shares(self, rows: Mapping[str, int]) -> np.ndarray:
        """Return each task's share of the rows that are shown, [K], which sum to 1."""
        power = {"equal": 0.0, "proportional": 1.0, "temperature": 1 / self.temperature}[self.sampling]
        sizes = np.array(list(rows.values()), dtype=np.float64) ** power
        return sizes / sizes.sum()
