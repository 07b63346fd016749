"""Endless batches whose every row follows from its number: no state, any start, any number of workers.

Sample n of a stream is place n mod N of epoch n div N. The order of an epoch is a function of the seed, the stream and
the epoch; an augmentation is one of the seed, the stream, the epoch, the row's name and the view's key.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from headstart.core.errors import DataError, UsageError
from headstart.core.interface import option
from headstart.core.learning import AUGMENTED
from headstart.core.seeding import mix, numpy_generator
from headstart.core.task import Show
from headstart.core.types import Batch, Stream, Target, View
from headstart.data.balanced import BalancedOrder
from headstart.data.bucketed import BucketedOrder
from headstart.data.episodes import EpisodeOrder
from headstart.data.loading import Samples, load
from headstart.data.rows import Rows, take
from headstart.data.transforms import Draw, Transform

TOGETHER = 4  # rows of a class that come one after another where a stream wants several

Collate = Callable[[Any], Any]  # the labels of some rows, an array or a list, to what a batch holds
Shown = Callable[[Any, Show], Any]  # the label of a row, by what shows pictures as the row is shown


class Labelling(NamedTuple):
    """How labels come into a batch: by target `collate` makes tensors of them, and `shown` shows those that lie over
    their examples, in the first view.
    """

    collate: Mapping[str, Collate] = MappingProxyType({})
    shown: Mapping[str, Shown] = MappingProxyType({})

    @classmethod
    def of(cls, targets: Mapping[str, Target]) -> Labelling:
        """Label as targets do; a target that is not named has its arrays taken as they are."""
        collate = {name: target.collate for name, target in targets.items()}
        return cls(collate, {name: target.shown for name, target in targets.items() if target.dense})


AS_THEY_ARE = Labelling()


class BatchStream:
    """Batches of one stream, always full; a batch may contain the end of one epoch and the start of the next.

    Args:
        rows: The pool. With `stream.labelled` False its labels are dropped here, before anything can see them.
        transform: Makes the examples of each of the stream's views.
        stream: Its name is part of every seed.
        batch_size: The stage's; the stream's own `size` multiplies it.
        seed: The run's seed.
        views: Fixed ways in which the view "augmented" shows a row, one after another by epoch, of which the first is
            plain; 0 draws a new one for each epoch, as every other view does.
        labelling: Makes tensors of labels.
        workers: Processes that open images; text and vectors are ready at hand and need none.
        pin: Copy batches to page-locked memory, for a GPU.
        shard: This process's number and how many processes divide each batch; it gets its piece of it.
    """

    def __init__(
        self,
        rows: Rows,
        transform: Transform,
        *,
        stream: Stream,
        batch_size: int,
        seed: int,
        views: int = 0,
        labelling: Labelling = AS_THEY_ARE,
        workers: int = 0,
        pin: bool = False,
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        if not len(rows):
            raise DataError(f"The stream '{stream.name}' has no rows.")
        if stream.labelled and not rows.labels:
            raise UsageError(f"The stream '{stream.name}' needs labels, and its rows have none.")
        self.rows = rows if stream.labelled else rows.unlabelled()
        self.stream = stream
        if stream.labelled and any(name in labelling.shown for name in rows.labels):
            check_moves(stream, transform.views)
        self.batch_size = stream.rows(batch_size)
        self.seed = seed
        self._piece = slice(*(self.batch_size * number // shard[1] for number in (shard[0], shard[0] + 1)))
        self._prepared = transform.prepare(self.rows.inputs)
        self._transform = transform
        self._workers = workers if is_costly(self._prepared, transform) else 0
        self._pin = pin
        ways = {key: views if view == AUGMENTED else 0 for key, view in stream.views.items()}
        self._make = _BatchMaker(self.rows, self._prepared, transform, ways, (seed, stream.name), labelling)
        self._epoch_order = lru_cache(maxsize=2)(self._make_order)
        self._balanced = self._balance() if stream.sampler != "shuffled" else None

    def _balance(self) -> BalancedOrder | EpisodeOrder:
        """Order the rows so that all classes, or all domains, come equally often, or by episodes."""
        if self.stream.sampler == "domains":
            if self.rows.domains is None or len(np.unique(self.rows.domains)) < 2:
                raise UsageError(
                    "The objective compares several source domains, and the rows are of one: name them with "
                    f"{option('source-domain', 'ONE,OTHER')}."
                )
            parts: np.ndarray | None = self.rows.domains
        else:
            parts = next((classes for name in self.rows.labels if (classes := self._classes(name)) is not None), None)
        if self.stream.sampler == "episodes":
            assert self.stream.episode is not None, "a stream of episodes says how large they are"
            return EpisodeOrder(parts, self.stream.episode, (self.seed, self.stream.name))
        return BalancedOrder(parts, (self.seed, self.stream.name), TOGETHER if self.stream.sampler == "several" else 1)

    def _classes(self, target: str) -> np.ndarray | None:
        """Return the class of each row by a target, -1 where it has none; None where rows have no class each."""
        y = self.rows.labels[target]
        if not isinstance(y, np.ndarray) or y.ndim != 1:
            return None
        return np.where(self.rows.known.get(target, True), y, -1)

    @property
    def steps_per_epoch(self) -> int:
        """Batches until each row was seen once."""
        return -(-len(self.rows) // self.batch_size)

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Iterate over batches `start`, `start` + 1 … without end."""
        samples = (self._samples(step)[self._piece] for step in itertools.count(start))
        return load(self._make, samples, self._workers, pin=self._pin)

    def _samples(self, step: int) -> Samples:
        """Return the (epoch, row) of each sample of a batch."""
        count = len(self.rows)
        first = step * self.batch_size
        if self._balanced is not None:
            return [self._balanced.sample(n) for n in range(first, first + self.batch_size)]
        epochs_places = (divmod(n, count) for n in range(first, first + self.batch_size))
        return [(epoch, int(self._epoch_order(epoch)[place])) for epoch, place in epochs_places]

    def _make_order(self, epoch: int) -> np.ndarray | BucketedOrder:
        random = numpy_generator(self.seed, "order", self.stream.name, epoch)
        order = random.permutation(len(self.rows))
        if not self._transform.ragged:
            return order
        lead = -epoch * len(self.rows) % self.batch_size  # places that complete the last batch of the epoch before
        return BucketedOrder(order, self._lengths, lead, self.batch_size, random)

    def _lengths(self, rows: np.ndarray) -> np.ndarray:
        lengths = self._transform.lengths(take(self._prepared, rows))
        assert lengths is not None, "inputs that are ragged have lengths"
        return lengths


def in_order(
    rows: Rows,
    transform: Transform,
    *,
    batch_size: int,
    labelling: Labelling = AS_THEY_ARE,
    workers: int = 0,
    pin: bool = False,
    seed: tuple[int, str] | None = None,
    epoch: int = 0,
    part: int | None = None,
) -> Iterator[tuple[np.ndarray, Batch]]:
    """Iterate over every row exactly once, in the order that is fastest.

    Args:
        rows: The rows; their labels, if any, are in the batches.
        transform: Makes the examples.
        batch_size: Most rows in a batch.
        labelling: Makes tensors of labels.
        workers: Processes that open images.
        pin: Copy batches to page-locked memory, for a GPU.
        seed: A `BatchStream`'s seed and its stream's name, to show rows as it does; None shows them plainly.
        epoch: In which it does.
        part: Rows that are dealt with before the next ones are prepared, a multiple of the batch size; None is all.

    Yields:
        The place of each row of the batch in `rows`, [B], and the batch. Texts come longest first in each part.
    """
    settings = {"batch_size": batch_size, "labelling": labelling, "pin": pin, "seed": seed, "epoch": epoch}
    if (
        part is not None
        and part < len(rows)
        and not (workers and is_costly(transform.prepare(rows.take([0]).inputs), transform))
    ):
        for start in range(0, len(rows), part):
            own = rows.take(range(start, min(start + part, len(rows))))
            yield from ((start + places, batch) for places, batch in in_order(own, transform, **settings))
            transform.forget()
        return
    prepared = transform.prepare(rows.inputs)
    lengths = transform.lengths(prepared)
    order = np.arange(len(rows)) if lengths is None else np.argsort(-lengths, kind="stable")
    places = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    samples = ([(epoch, int(place)) for place in batch] for batch in places)
    ways = dict.fromkeys(("x",) if seed is None else transform.views, 0)
    make = _BatchMaker(rows, prepared, transform, ways, seed, labelling)
    yield from zip(places, load(make, samples, workers if is_costly(prepared, transform) else 0, pin=pin), strict=True)


@dataclass(frozen=True)
class _BatchMaker:
    """Makes a batch of the (epoch, row) of its samples; `seed` decides the augmentation, None is for evaluation.

    ways: of each view by its key, as many fixed ways in which it shows a row take turns; 0 where they are not fixed.
    """

    rows: Rows
    prepared: Sequence[Any]
    transform: Transform
    ways: Mapping[str, int]
    seed: tuple[int, str] | None
    labelling: Labelling = AS_THEY_ARE

    def __call__(self, samples: Samples) -> Batch:
        places = [row for _, row in samples]
        items = take(self.prepared, places)
        views = {key: self.transform.collate(self._examples(samples, items, key)) for key in self.ways}
        rows = self.rows.take(places)
        labels = {name: self._labels(name, values, samples, items) for name, values in rows.labels.items()}
        known = {name: _tensor(has) for name, has in rows.known.items()}
        return Batch(rows.ids, views, labels, None if rows.domains is None else _tensor(rows.domains), known)

    def _labels(self, name: str, values: Any, samples: Samples, items: Sequence[Any]) -> Any:
        """Make what the batch holds of the labels of a target; those that lie over examples are shown like them."""
        if (shown := self.labelling.shown.get(name)) is not None:
            key = next(iter(self.ways))
            draws = [self._draw(epoch, row, key) for epoch, row in samples]
            shows = [self.transform.beside(item, key, draw) for item, draw in zip(items, draws, strict=True)]
            values = [shown(value, show) for value, show in zip(values, shows, strict=True)]
        return self.labelling.collate.get(name, _tensor)(values)

    def _examples(self, samples: Samples, items: Sequence[Any], key: str) -> list[Any]:
        draws = [self._draw(epoch, row, key) for epoch, row in samples]
        examples = [self.transform.example(item, key, draw) for item, draw in zip(items, draws, strict=True)]
        if not self.rows.labels or not self.transform.lays:
            return examples
        (labels,) = self.rows.labels.values()
        return [
            self.transform.behind(example, labels[row]) for example, (_, row) in zip(examples, samples, strict=True)
        ]

    def _draw(self, epoch: int, row: int, key: str) -> Draw | None:
        ways = self.ways[key]
        number = epoch % ways if ways else epoch
        if self.seed is None or (ways and number == 0):
            return None
        return Draw(number, mix(*self.seed, number, str(self.rows.ids[row]), key))


def check_moves(stream: Stream, views: Mapping[str, View]) -> None:
    """Check that labels can be shown as their examples are. UsageError: there are several views, or one changes more
    than where pixels are.
    """
    unfit = [key for key, view in views.items() if not view.moves]
    if len(stream.views) > 1 or unfit:
        what = f"shows each row in {len(stream.views)} views" if len(stream.views) > 1 else "changes more than places"
        raise UsageError(
            f"A label that lies over an image has to be shown as the image is, and the stream '{stream.name}' {what}. "
            f"Use a view that only moves pixels ({option('augment', 'weak')}, mirror, plain)."
        )


def _tensor(labels: Any) -> Any:
    """Share an array's memory with a tensor; a list of ragged labels stays one."""
    import torch

    return torch.from_numpy(labels) if isinstance(labels, np.ndarray) else labels


def is_costly(prepared: Sequence[Any], transform: Transform) -> bool:
    """Return whether examples take longer to make than to send from process to process."""
    return not transform.ragged and not isinstance(prepared, np.ndarray)
