"""Learning by episodes: each step takes some, and learns to answer their queries from their other rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from headstart.core.episodes import QUERIES, WAYS, Episode, fitted, sizes_of
from headstart.core.interface import call
from headstart.core.learning import map_tensors
from headstart.core.types import Batch, Form, Loss, Objective, Stream
from headstart.models.model import Head, Model
from headstart.objectives._tasks import only_head


class Halves(NamedTuple):
    """An episode of W classes, K rows of each to learn from and Q to ask, class by class.

    support, queries: inputs of W K and of W Q rows, as in `Batch`. learnt, truth: their classes, counted from 0.
    """

    support: Any
    queries: Any
    learnt: torch.Tensor
    truth: torch.Tensor
    ways: int


@dataclass(frozen=True)
class Episodic(Objective):
    """An objective of episodes of the training classes."""

    ways: int | None = None
    shots: int = 1
    queries: int | None = None
    tasks: int = 1

    couples_rows: ClassVar[bool] = True
    criterion: ClassVar[str] = "episodes"
    forms: ClassVar[tuple[Form, ...]] = ("embeddings",)

    def __post_init__(self) -> None:
        Episode(self.ways or WAYS, self.shots, self.queries or QUERIES)
        if self.tasks < 1:
            raise ValueError(f"tasks must be at least 1; it is {self.tasks}.")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Episodes of the training classes, of the size that most papers have."""
        return (self._stream(Episode(self.ways or WAYS, self.shots, self.queries or QUERIES)),)

    def streams_in(self, pools: Mapping[str, Sized]) -> tuple[Stream, ...]:
        """Return the stream of episodes, which ask for no more than the classes have, where it was left open.

        Args:
            pools: "train" are labelled rows.

        Returns:
            The stream.

        Raises:
            UsageError: There are fewer classes than ways.
            DataError: Classes have too few rows; all are listed.
        """
        rows: Any = pools.get("train")
        if rows is None or not rows.labels:
            return self.streams
        labels = next(iter(rows.labels.values()))
        return (self._stream(fitted(sizes_of(labels), self.ways, self.shots, self.queries)),)

    def _stream(self, episode: Episode) -> Stream:
        return Stream("train", sampler="episodes", size=self.tasks, episode=episode)

    def losses(self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the loss "task" of the only target, the mean over the episodes."""
        batch = batches["train"]
        head = only_head(model, "learning by episodes")
        (name,) = batch.labels
        found = [self.of_episode(model, head, extra, each) for each in self.episodes(batch)]
        return {"task": Loss(torch.stack(found).mean(), name)}

    def told(self, model: Model, extra: Any) -> str:
        """Say how the result is measured: by other classes than those that are learnt."""
        return f"by episodes of classes that were held out it is measured with {call('fewshot', 'RUN')}"

    def episodes(self, batch: Batch) -> list[Halves]:
        """Divide a batch into its episodes, and the rows of each class into those to learn from and to ask."""
        return [self._halves(batch.x, y, place * len(y)) for place, y in enumerate(batch.y.chunk(self.tasks))]

    def _halves(self, x: Any, y: torch.Tensor, start: int) -> Halves:
        ways = len(y.unique())
        order = (start + y.argsort(stable=True)).view(ways, -1)  # [W, K + Q]
        classes = torch.arange(ways, device=y.device)
        first, rest = order[:, : self.shots].flatten(), order[:, self.shots :].flatten()
        parts = (map_tensors(x, lambda tensor: tensor[first]), map_tensors(x, lambda tensor: tensor[rest]))
        each = order.shape[1] - self.shots
        return Halves(*parts, classes.repeat_interleave(self.shots), classes.repeat_interleave(each), ways)

    @abstractmethod
    def of_episode(self, model: Model, head: Head, extra: Any, halves: Halves) -> torch.Tensor:
        """Compute the loss of an episode, a scalar.

        Args:
            model: Gives features.
            head: Makes embeddings of them.
            extra: The objective's modules.
            halves: The episode.

        Returns:
            The mean over its queries.
        """


@dataclass(frozen=True)
class OfEmbeddings(Episodic):
    """One that compares embeddings: rows to learn from and queries go through the network together."""

    reads: ClassVar[Any] = "features"

    def of_episode(self, model: Model, head: Head, extra: Any, halves: Halves) -> torch.Tensor:
        """Compute the cross-entropy of the queries' classes."""
        learnt, asked = halves.learnt, halves.truth
        both = map_pairs(halves.support, halves.queries)
        out = exact(head(model.features(both)))
        logits = self.logits(out[: len(learnt)].view(halves.ways, self.shots, -1), out[len(learnt) :], extra)
        return functional.cross_entropy(logits, asked)

    @abstractmethod
    def logits(self, support: torch.Tensor, queries: torch.Tensor, extra: Any) -> torch.Tensor:
        """Score classes for queries.

        Args:
            support: Embeddings by class, [W, K, D].
            queries: [Q, D].
            extra: The objective's modules.

        Returns:
            [Q, W].
        """


def map_pairs(one: Any, other: Any) -> Any:
    """Put the tensors of two alike inputs below each other."""
    if isinstance(one, torch.Tensor):
        return torch.cat([one, other])
    return {key: map_pairs(one[key], other[key]) for key in one}


def exact(values: torch.Tensor) -> torch.Tensor:
    """Return values in float32 at least."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
