"""Endless batches whose every row follows from its number: no state, any start, any number of workers.

Sample n of a stream is place n mod N of epoch n div N. The order of an epoch is a function of the seed,
the stream and the epoch; an augmentation is one of the seed, the stream, the epoch and the row.
"""

from __future__ import annotations

import faulthandler
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np

from headstart.core.errors import DataError, UsageError
from headstart.core.seeding import mix, numpy_generator
from headstart.core.types import Batch, Stream
from headstart.data.balanced import BalancedOrder
from headstart.data.rows import Rows
from headstart.data.transforms import Transform

HUNG = 300  # seconds after which a worker that gives no batch counts as hung
WINDOW = 50  # batches of text that are sorted by length together


class BatchStream:
    """Batches of one stream, always full; a batch may hold the end of one epoch and the start of the next.

    Args:
        rows: The pool. With `stream.labelled` False its labels are dropped here, before anything can see them.
        transform: Makes the examples.
        stream: Its name is part of every seed.
        batch_size: Rows in a batch.
        seed: The run's seed.
        workers: Processes that open images; text and vectors are ready at hand and need none.
        balanced: Give every class equally often, whatever its shard of the rows is; for rows of one class each.
        shard: This process's number and how many processes shard each batch; it gets its piece of it.
    """

    def __init__(
        self,
        rows: Rows,
        transform: Transform,
        *,
        stream: Stream,
        batch_size: int,
        seed: int,
        workers: int = 0,
        balanced: bool = False,
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        if not len(rows):
            raise DataError(f"The stream '{stream.name}' has no rows.")
        if stream.labelled and rows.y is None:
            raise UsageError(f"The stream '{stream.name}' needs labels, and its rows have none.")
        self.rows = rows if stream.labelled else rows.unlabelled()
        self.transform = transform
        self.stream = stream
        self.batch_size = batch_size
        self.seed = seed
        self._piece = slice(*(batch_size * number // shard[1] for number in (shard[0], shard[0] + 1)))
        self._prepared = transform.prepare(self.rows.inputs)
        self._lengths = transform.lengths(self._prepared)
        self._workers = workers if _costly(self._prepared, self._lengths) else 0
        self._epoch_order = lru_cache(maxsize=2)(self._make_order)
        self._balanced = BalancedOrder(self.rows.y, (seed, stream.name)) if balanced else None

    @property
    def steps_per_epoch(self) -> int:
        """Batches until each row was seen once."""
        return -(-len(self.rows) // self.batch_size)

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Iterate over batches `start`, `start` + 1 … without end."""
        maker = _BatchMaker(self.rows, self._prepared, self.transform, (self.seed, self.stream.name))
        return _load(maker, (self._samples(step)[self._piece] for step in itertools.count(start)), self._workers)

    def _samples(self, step: int) -> list[tuple[int, int]]:
        """Return the (epoch, row) of each sample of a batch."""
        count = len(self.rows)
        first = step * self.batch_size
        if self._balanced is not None:
            return [self._balanced.sample(n) for n in range(first, first + self.batch_size)]
        epochs_places = (divmod(n, count) for n in range(first, first + self.batch_size))
        return [(epoch, int(self._epoch_order(epoch)[place])) for epoch, place in epochs_places]

    def _make_order(self, epoch: int) -> np.ndarray:
        random = numpy_generator(self.seed, "order", self.stream.name, epoch)
        order = random.permutation(len(self.rows))
        if self._lengths is None:
            return order
        lead = -epoch * len(self.rows) % self.batch_size  # places that complete the last batch of the epoch before
        return _bucket(order, self._lengths, lead, self.batch_size, random)


def in_order(
    rows: Rows, transform: Transform, *, batch_size: int, workers: int = 0
) -> Iterator[tuple[np.ndarray, Batch]]:
    """Iterate over every row exactly once, for evaluation.

    Args:
        rows: The rows; their labels, if any, are in the batches.
        transform: Makes the examples, without augmentation.
        batch_size: Most rows in a batch.
        workers: Processes that open images.

    Yields:
        The place of each row of the batch in `rows`, [B], and the batch. Texts come longest first.
    """
    prepared = transform.prepare(rows.inputs)
    lengths = transform.lengths(prepared)
    order = np.arange(len(rows)) if lengths is None else np.argsort(-lengths, kind="stable")
    places = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    samples = ([(0, int(place)) for place in batch] for batch in places)
    maker = _BatchMaker(rows, prepared, transform, None)
    yield from zip(places, _load(maker, samples, workers if _costly(prepared, lengths) else 0), strict=True)


@dataclass(frozen=True)
class _BatchMaker:
    """Makes a batch from the (epoch, row) of its samples; `key` is what seeds the augmentation, None in evaluation."""

    rows: Rows
    prepared: Sequence[Any]
    transform: Transform
    key: tuple[int, str] | None

    def __getitem__(self, samples: list[tuple[int, int]]) -> Batch:
        from torch.utils.data import get_worker_info

        if get_worker_info() is None:
            return self._make(samples)
        with _stack_of_a_hang():
            return self._make(samples)

    def _make(self, samples: list[tuple[int, int]]) -> Batch:
        import torch

        seeds = [None if self.key is None else mix(*self.key, epoch, row) for epoch, row in samples]
        examples = [
            self.transform.example(self.prepared[row], "x", seed) for (_, row), seed in zip(samples, seeds, strict=True)
        ]
        places = [row for _, row in samples]
        batch = Batch(x=self.transform.collate(examples), ids=[self.rows.ids[place] for place in places])
        if self.rows.y is not None:
            batch["y"] = torch.from_numpy(self.rows.y[places])
        return batch


def _load(maker: _BatchMaker, samples: Iterator[list[tuple[int, int]]], workers: int) -> Iterator[Batch]:
    if workers == 0:
        return (maker[batch] for batch in samples)
    import torch
    from torch.utils.data import DataLoader

    # batch_size None hands each list of samples to the maker as one index; its own generator leaves torch's alone
    dataset, order, as_is = cast(tuple[Any, Any, Any], (maker, samples, _as_is))
    loader: Any = DataLoader(
        dataset,
        sampler=order,
        batch_size=None,
        num_workers=workers,
        timeout=HUNG,
        collate_fn=as_is,
        generator=torch.Generator(),
    )
    return iter(loader)


@contextmanager
def _stack_of_a_hang() -> Iterator[None]:
    """In a worker, write where it stands to stderr shortly before it counts as hung."""
    faulthandler.dump_traceback_later(HUNG * 0.9, file=2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _as_is(batch: Batch) -> Batch:
    return batch


def _costly(prepared: Sequence[Any], lengths: np.ndarray | None) -> bool:
    """Return whether examples take longer to make than to send from process to process."""
    return lengths is None and not isinstance(prepared, np.ndarray)


def _bucket(order: np.ndarray, lengths: np.ndarray, lead: int, size: int, random: np.random.Generator) -> np.ndarray:
    """Put rows of like length into one batch: sort within windows of many batches, then shuffle the batches."""
    head, rest = order[:lead], order[lead:]
    windows = [rest[start : start + WINDOW * size] for start in range(0, len(rest), WINDOW * size)]
    rest = np.concatenate([w[np.argsort(lengths[w], kind="stable")] for w in windows]) if windows else rest
    full = len(rest) // size
    batches = rest[: full * size].reshape(full, size)[random.permutation(full)]
    return np.concatenate([head, batches.reshape(-1), rest[full * size :]])
