"""Worker processes that may be lost: the work goes on with fewer of them, and gives the same batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from headstart.core.types import Batch
from headstart.data.loading import LostWorker
from headstart.data.streams import BatchStream

T = TypeVar("T")


class Workers:
    """How many worker processes may still be used.

    Args:
        count: How many there are at first.
        warn: Is told when one is lost.
    """

    def __init__(self, count: int, warn: Callable[[str], None]) -> None:
        self.count, self.warn = count, warn

    def run(self, work: Callable[[int], T]) -> T:
        """Do some work with them; where one dies or hangs, warn and do it again with half as many.

        Args:
            work: Takes the number of workers.

        Returns:
            What the work gave.
        """
        while True:
            try:
                return work(self.count)
            except LostWorker as lost:
                self.count //= 2
                self.warn(
                    f"a process that loads data was lost: {lost} Going on with {self.count} of them; the batches stay "
                    "the same."
                )


class Feed:
    """The batches of a stream from a step on.

    Args:
        make: Makes the stream with a number of workers.
        workers: Common to all that loads data.
        start: Number of the first batch.
    """

    def __init__(self, make: Callable[[int], BatchStream], workers: Workers, start: int) -> None:
        self.make, self.workers, self.step = make, workers, start
        self._batches: Iterator[Batch] | None = None

    def __next__(self) -> Batch:
        batch = self.workers.run(self._next)
        self.step += 1
        return batch

    def _next(self, workers: int) -> Batch:
        if self._batches is None:
            self._batches = self.make(workers).batches(self.step)
        try:
            return next(self._batches)
        except LostWorker:
            self._batches = None  # made anew by the next try
            raise
