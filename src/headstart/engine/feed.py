"""Worker processes that may be lost: the work goes on with fewer of them, and gives the same batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from headstart.data.loading import LostWorker

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


class Feed(Iterator[T]):
    """What is made of rows in order, from a number on: the batches of a stream, the outputs of parts.

    Args:
        make: Takes a number of workers and the number of the first item, and iterates over the items.
        workers: Common to all that loads data.
        start: Number of the first item.
    """

    def __init__(self, make: Callable[[int, int], Iterator[T]], workers: Workers, start: int) -> None:
        self.make, self.workers, self.step = make, workers, start
        self._items: Iterator[T] | None = None

    def __next__(self) -> T:
        item = self.workers.run(self._next)
        self.step += 1
        return item

    def _next(self, workers: int) -> T:
        if self._items is None:
            self._items = self.make(workers, self.step)
        try:
            return next(self._items)
        except LostWorker:
            self._items = None  # made anew by the next try
            raise
