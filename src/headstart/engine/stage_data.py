"""The rows that a stage learns from and is measured on, and the batches they come in."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from headstart import views
from headstart.core.errors import UsageError
from headstart.core.learning import AUGMENTED
from headstart.core.seeding import mix, numpy_generator
from headstart.core.types import Batch, Measured, Stream, Tuning
from headstart.data.rows import concatenate
from headstart.data.streams import BatchStream, Labelling, in_order
from headstart.data.transforms import make_transform
from headstart.engine.constant import keep_constant
from headstart.engine.feed import Feed, Workers
from headstart.engine.job import Examples, Job, RunContext
from headstart.engine.machine import to_device
from headstart.engine.predict import embed, measure
from headstart.features.cache import NoRoom
from headstart.features.frozen import FeatureTransform, backbone_is_constant, frozen_rows
from headstart.features.graphs import Untraceable
from headstart.models.model import Model, device_of, reads_more

SURVEY_BATCH = 32
T = TypeVar("T")


def _labelled(streams: Sequence[Examples]) -> Examples | None:
    """Put rows of labelled streams together, but for those whose targets an earlier one has; None without any."""
    found: dict[str, Examples] = {}
    for each in streams:
        if not each.rows.labels.keys() <= found.keys():
            found |= dict.fromkeys(each.rows.labels, each)
    parts = list({id(each): each for each in found.values()}.values())
    if len(parts) < 2:
        return parts[0] if parts else None
    return Examples(concatenate([each.rows for each in parts]), parts[0].transform)


class StageData:
    """What one stage is fed with.

    Args:
        model: The one that the stage trains.
        job: Names the streams, and has the rows.
        context: Where and how to train.
        workers: Open images and texts.
        number: Number of the stage; it seeds the order of the rows.
    """

    def __init__(self, model: Model, job: Job, context: RunContext, workers: Workers, number: int) -> None:
        self.model, self.job, self.context, self.workers, self.number = model, job, context, workers, number
        self.training, self.measured = dict(job.training), dict(job.measured)

    @property
    def epoch(self) -> int:
        """The steps in which every stream has shown all its rows."""
        size = self.job.stage.batch_size or 1
        streams = self.job.streams
        return max(math.ceil(len(self.job.training[s.name].rows) / s.rows(size)) for s in streams)

    def labelled(self) -> Examples | None:
        """Return the rows of the objective's first labelled stream, and of those that have labels of other targets."""
        return _labelled([self.training[stream.name] for stream in self.job.streams if stream.labelled])

    def survey(self) -> Iterator[Batch]:
        """Iterate over every labelled row once, without augmentation, on the model's device, in evaluation mode.

        Yields:
            Batches of rows from all over, the same at each call.

        Raises:
            UsageError: No stream of the objective has labels.
        """
        labelled = _labelled([self.job.training[s.name] for s in self.job.streams if s.labelled])
        if labelled is None:
            raise UsageError("This strategy looks at labelled rows before it starts, and the objective has none.")
        self.model.eval()
        transform = make_transform(self.model.backbone.card.input)
        device = device_of(self.model)
        mixed = numpy_generator(self._seed, "survey").permutation(len(labelled.rows))
        for _, batch in in_order(
            labelled.rows.take(mixed),
            transform,
            batch_size=SURVEY_BATCH,
            labelling=Labelling.of(self.context.task.targets),
            workers=self.workers.count,
            pin=device.type == "cuda",
        ):
            yield to_device(batch, device)

    def choose_rows(self) -> str:
        """Leave out the rows that the objective does not want; return what it says of them."""
        plain = make_transform(self.model.backbone.card.input, once=True)
        compute = partial(embed, known=self.context.constant)
        rows = {name: each.rows for name, each in self.training.items()}
        staying, told = self.job.objective.choose_rows(
            self.model, rows, lambda some: self._compute(compute, Examples(some, plain))
        )
        for name, places in staying.items():
            self.training[name] = Examples(rows[name].take(places), self.training[name].transform)
        return told

    def freeze_features(self) -> bool:
        """Compute the features of all rows once, where they stay the same over the stage; return whether they do.

        The objective must read features alone, every view of every stream be the plain one, and nothing in the
        backbone learn.
        """
        if not self._is_plain or not backbone_is_constant(self.model) or reads_more(self.model):
            return False
        plain = make_transform(self.model.backbone.card.input, once=True)
        everything = [*self.training.values(), *self.measured.values()]
        rows = {id(each.rows): each.rows for each in everything}  # of each pool once
        instead: Any = FeatureTransform()  # stands in for a `Transform`
        compute = partial(embed, known=self.context.constant)
        found = {
            key: Examples(frozen_rows(own, self._compute(compute, Examples(own, plain))), instead)
            for key, own in rows.items()
        }
        self.training = {name: found[id(each.rows)] for name, each in self.training.items()}
        self.measured = {name: found[id(each.rows)] for name, each in self.measured.items()}
        return True

    def keep_constant(self, tuning: Tuning) -> str:
        """Compute once what is constant in a backbone of which a part learns; return what was done, in words.

        It needs an objective that reads features alone, a strategy that does not look at examples itself, and rows
        that are shown plainly or in a few fixed views. Where the network cannot be cut, or it does not pay, the
        examples stay.
        """
        stage, world = self.job.stage, self.context.world
        staged = any(group.start for group in tuning.groups)
        if (
            not (self._is_plain or self._is_fixed)
            or any(len(stream.views) > 1 for stream in self.job.streams)
            or tuning.watch is not None
            or staged
            or world.size > 1
            or not stage.batch_size
        ):
            return ""
        examples = {f"training {name}": each for name, each in self.training.items()}
        examples |= {f"measured {name}": each for name, each in self.measured.items()}
        learning = [p for group in tuning.groups for p in group.params]
        assert stage.steps is not None
        epochs, batch = stage.steps / self.epoch, stage.batch_size // stage.accumulate
        try:
            traced, found, told = self.workers.run(
                lambda count: keep_constant(
                    self.model,
                    learning,
                    examples,
                    self.context,
                    epochs=epochs,
                    batch=batch,
                    workers=count,
                    views=1 if self._is_plain else stage.views or 1,
                    seeds={f"training {name}": (self._seed, name) for name in self.training},
                )
            )
        except (Untraceable, NoRoom) as why:
            return f"the whole backbone is computed at each step: {why}"
        self.model.after = traced.after
        self.training = {name: found[f"training {name}"] for name in self.training}
        self.measured = {name: found[f"measured {name}"] for name in self.measured}
        return told

    def release(self) -> None:
        """Compute the whole backbone again from here on."""
        if self.model.after is not None:
            self.model.after = None
            self.training, self.measured = dict(self.job.training), dict(self.job.measured)

    @property
    def _seed(self) -> int:
        return mix(self.context.seed, "stream", self.number)

    @property
    def _is_fixed(self) -> bool:
        """Whether the objective reads features alone, of rows that are shown in one way at a time, of a few."""
        single = all([*stream.views.values()] == [AUGMENTED] for stream in self.job.streams)
        return self.job.objective.reads == "features" and single and bool(self.job.stage.views)

    @property
    def _is_plain(self) -> bool:
        """Whether the objective reads features alone, of rows that are shown plainly."""
        assert self.job.stage.augment is not None
        shown = [view for s in self.job.streams for view in s.shown(self.job.stage.augment).values()]
        return self.job.objective.reads == "features" and all(view == views.PLAIN for view in shown)

    def turn(self, step: int) -> tuple[str, ...]:
        """Name the streams that a step takes a batch of."""
        rows = {stream.name: len(self.job.training[stream.name].rows) for stream in self.job.streams}
        return self.job.objective.turn(rows, mix(self._seed, "turn", step))

    def streams(self, step: int) -> dict[str, Feed[Batch]]:
        """Return the batches of each stream by its name, from a step on."""
        taken = Counter(chain.from_iterable(self.turn(earlier) for earlier in range(step)))
        return {s.name: Feed(partial(self._batches, s), self.workers, taken[s.name]) for s in self.job.streams}

    def measure(self) -> dict[str, Measured]:
        """Compute what the criterion looks at, for each of its pools."""
        how = partial(measure, features=self.job.criterion.features)
        return {name: self._compute(how, each) for name, each in self.measured.items()}

    def _compute(self, how: Callable[..., T], examples: Examples) -> T:
        """Embed or measure, from fewer workers where one is lost; a stop is heeded between batches."""
        context = self.context
        check = context.stop.check if context.world.size == 1 else None  # the others would wait for this one's shard
        options = {"precision": context.precision, "check": check, "world": context.world}
        return self.workers.run(lambda count: how(self.model, *examples, workers=count, **options))

    def _batches(self, stream: Stream, workers: int, start: int) -> Iterator[Batch]:
        stage, world = self.job.stage, self.context.world
        assert stage.batch_size is not None
        if stream.labelled and stage.imbalance == "sampler" and stream.episode is None:
            stream = dataclasses.replace(stream, sampler="balanced")
        made = BatchStream(
            *self.training[stream.name],
            stream=stream,
            batch_size=stage.batch_size,
            seed=self._seed,
            views=stage.views or 0,
            labelling=Labelling.of(self.context.task.targets),
            workers=workers,
            pin=self.context.device.type == "cuda",
            shard=(world.rank, world.size),
        )
        return made.batches(start)
