"""The rows that a stage learns from and is judged by, and the batches they come in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

from headstart.core.errors import UsageError
from headstart.core.seeding import mix
from headstart.core.types import Batch, Stream
from headstart.data.streams import BatchStream, in_order
from headstart.data.transforms import make_transform
from headstart.engine.feed import Feed, Workers
from headstart.engine.job import Examples, Job, RunContext
from headstart.engine.machine import to_device
from headstart.engine.predict import embed, fast_features
from headstart.features.frozen import FeatureTransform, backbone_is_constant, frozen_rows
from headstart.models.model import Model

SURVEY_BATCH = 32


class StageData:
    """What one stage is fed with.

    Args:
        model: The one that the stage trains.
        job: Names the streams, and has the training rows of each.
        context: Has the validation rows.
        workers: Open images and texts.
        number: Of the stage; it seeds the order of the rows.
    """

    def __init__(self, model: Model, job: Job, context: RunContext, workers: Workers, number: int) -> None:
        self.model, self.job, self.context, self.workers, self.number = model, job, context, workers, number
        self.training, self.validation = dict(job.training), context.validation

    def labelled(self) -> Examples | None:
        """Return the rows of the objective's first labelled stream."""
        streams = (stream for stream in self.job.objective.streams if stream.labelled)
        return next((self.job.training[stream.name] for stream in streams), None)

    def survey(self) -> Iterator[Batch]:
        """Iterate over every labelled row once, without augmentation, on the model's device, in evaluation mode.

        Yields:
            Batches, the same at each call.

        Raises:
            UsageError: No stream of the objective has labels.
        """
        labelled = self.labelled()
        if labelled is None:
            raise UsageError("This strategy looks at labelled rows before it starts, and the objective has none.")
        self.model.eval()
        device = next(self.model.parameters()).device
        transform = make_transform(self.model.backbone.card.input)
        for _, batch in in_order(labelled.rows, transform, batch_size=SURVEY_BATCH, workers=self.workers.count):
            yield cast(Batch, to_device(batch, device))

    def constant(self) -> bool:
        """Return whether the examples' features stay the same over the whole stage."""
        assert self.job.stage.augment is not None
        return backbone_is_constant(self.model, self.job.stage.augment)

    def compute_features(self) -> None:
        """Put the features that the backbone gives now in the place of the examples."""
        examples = self.training
        fast = fast_features(self.model, *next(iter(examples.values())), precision=self.context.precision)
        rows = {id(each.rows): each for each in examples.values()}  # two streams may share them
        features = {key: self._features(fast, each) for key, each in rows.items()}
        self.training = {name: features[id(each.rows)] for name, each in examples.items()}
        if self.validation is not None:
            self.validation = self._features(fast, self.validation)

    def _features(self, model: Model, examples: Examples) -> Examples:
        return Examples(frozen_rows(examples.rows, self.compute(embed, model, examples)), FeatureTransform())

    def streams(self, step: int) -> dict[str, Feed]:
        """Return the batches of each stream by its name, from a step on."""
        return {
            stream.name: Feed(partial(self._stream, stream), self.workers, step)
            for stream in self.job.objective.streams
        }

    def _stream(self, stream: Stream, workers: int) -> BatchStream:
        stage = self.job.stage
        assert stage.batch_size is not None
        rows, transform = self.training[stream.name]
        return BatchStream(
            rows,
            transform,
            stream=stream,
            batch_size=stage.batch_size,
            seed=mix(self.context.seed, "stream", self.number),
            workers=workers,
            balanced=stream.labelled and stage.imbalance == "sampler",
            shard=(self.context.world.rank, self.context.world.size),
        )

    def compute(self, how: Any, model: Model, examples: Examples) -> Any:
        """Predict or embed, from fewer workers where one is lost; a stop is heeded between batches.

        Args:
            how: `predict` or `embed`.
            model: The stage's, or one that gives the same features faster.
            examples: The rows.

        Returns:
            What `how` gives.
        """
        context = self.context
        check = (
            context.stop.check if context.world.size == 1 else None
        )  # the others would wait for this process's share
        options = {"precision": context.precision, "check": check, "world": context.world}
        if isinstance(examples.transform, FeatureTransform):
            return how(model, *examples, **options)
        return self.workers.run(lambda count: how(model, *examples, workers=count, **options))
