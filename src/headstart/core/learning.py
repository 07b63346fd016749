"""What is minimised, on which data: streams, batches, losses and objectives."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from itertools import pairwise
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    NotRequired,
    Protocol,
    TypedDict,
    runtime_checkable,
)

from headstart.core.episodes import Episode
from headstart.core.errors import first_few
from headstart.core.metric import Form

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from headstart.core.mapping import Mapped

AUGMENTED = "augmented"  # the name of a view that stands for the stage's `augment`
LABELS_OF_NONE = "The batch has no labels: its stream has labelled=False."


@dataclass(frozen=True)
class Stream:
    """One kind of data that an objective asks for: a batch of it goes into each step.

    Attributes:
        name: By which the objective finds its batch; part of every seed.
        pool: The rows that it draws from: "train", "unlabelled", "source", "target" or "task:NAME". "" takes the name.
        labelled: False drops the labels before anything can see them.
        views: How each example is shown, by the key under which the batch holds it: a file of `views/`, or "augmented",
            which stands for the stage's `augment`. Two keys give two views of the same rows.
        size: Rows in a step, relative to the stage's batch size.
        sampler: "balanced" gives every class equally often, for rows of one class each; "domains" every domain;
            "several" every class in turn, four rows of it one after another, so that each has others of its class;
            "episodes" whole episodes, as many in a step as `size` says.
        episode: How large each is, where rows come in episodes.
    """

    name: str
    pool: str = ""
    labelled: bool = True
    views: Mapping[str, str] = field(default_factory=lambda: {"x": AUGMENTED})
    size: float = 1.0
    sampler: Literal["shuffled", "balanced", "domains", "several", "episodes"] = "shuffled"
    episode: Episode | None = None

    def __post_init__(self) -> None:
        if not self.pool:
            object.__setattr__(self, "pool", self.name)
        if not 0 < self.size < math.inf:
            raise ValueError(f"The size of the stream '{self.name}' must be above 0; it is {self.size}.")
        if not self.views:
            raise ValueError(f"The stream '{self.name}' has no views: nothing of its rows would be seen.")

    def rows(self, batch_size: int) -> int:
        """Count the rows of a step where the stage's batch has `batch_size`, which says nothing of whole episodes."""
        if self.episode is not None:
            return max(1, round(self.size)) * self.episode.rows
        return max(1, round(self.size * batch_size))

    def shown(self, augment: str) -> dict[str, str]:
        """Return the view of each key, where the stage's `augment` is known."""
        return {key: augment if view == AUGMENTED else view for key, view in self.views.items()}


@dataclass(frozen=True)
class Batch:
    """Some rows of a stream as tensors.

    Attributes:
        ids: Names of the B rows.
        views: By key, what the network takes: images [B, C, H, W], vectors [B, D], token tensors by name, each [B, T].
        labels: By target, what its kind collates: [B] int64 classes, [B, C] float32 multi-label, [B, T] float32
            regression, a list of B where rows are ragged. Empty without labels.
        domains: [B] int64, the number of each row's domain, the source domains first; None where none are named.
        known: By target, [B] bool, which rows have its label; a target that is not named has a label in every row.
    """

    ids: Sequence[str]
    views: Mapping[str, Any]
    labels: Mapping[str, Any] = field(default_factory=dict)
    domains: torch.Tensor | None = None
    known: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def x(self) -> Any:
        """The only view. ValueError: there are several."""
        return _only(self.views, "view", "batch.views", "The batch has no views.")

    @property
    def y(self) -> Any:
        """The labels of the only target. ValueError: there are none, or several."""
        return _only(self.labels, "target", "batch.labels", LABELS_OF_NONE)

    def map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
        """Return the batch with a function applied to each tensor in it."""
        parts = (self.views, self.labels, self.domains, self.known)
        return Batch(self.ids, *(map_tensors(part, function) for part in parts))

    def pin_memory(self) -> Batch:
        """Copy the tensors to page-locked memory, from which a GPU can copy beside the computing."""
        return self.map(lambda tensor: tensor.pin_memory())

    def split(self, count: int) -> list[Batch]:
        """Cut the batch into so many micro-batches of nearly equal size, in order."""
        edges = [len(self) * number // count for number in range(count + 1)]
        parts = {"views": self.views, "labels": self.labels, "domains": self.domains, "known": self.known}
        return [Batch(self.ids[a:b], **cut(parts, a, b)) for a, b in pairwise(edges)]


def map_tensors(value: Any, function: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Apply a function to each tensor in nested dicts, lists and tuples; anything else stays."""
    import torch

    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, Mapping):
        return {key: map_tensors(inner, function) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map_tensors(inner, function) for inner in value)
    return value


def cut(value: Any, start: int, end: int) -> Any:
    """Cut rows out of a tensor, a list, or each value of a (nested) dict; None stays."""
    if isinstance(value, Mapping):
        return {key: cut(inner, start, end) for key, inner in value.items()}
    return None if value is None else value[start:end]


def where_known(values: Any, known: torch.Tensor | None) -> Any:
    """Keep the rows of a tensor or a list that have a label, where `known` [B] says which; None: all of them."""
    if known is None:
        return values
    places = known.nonzero()[:, 0]
    return values[places] if hasattr(values, "shape") else [values[place] for place in places.tolist()]


def _only(values: Mapping[str, Any], what: str, where: str, none: str) -> Any:
    if len(values) == 1:
        return next(iter(values.values()))
    if not values:
        raise ValueError(none)
    first = next(iter(values))
    raise ValueError(f"The batch has several {what}s ({first_few(values)}): name one, as in {where}['{first}'].")


PrefixToken = Literal["class", "distillation", "register"]
Prefix = tuple[PrefixToken, ...]


class Features(TypedDict):
    """What a backbone returns. Only `pooled` is always there."""

    pooled: torch.Tensor  # [B, D]
    tokens: NotRequired[torch.Tensor]  # [B, T, D]
    maps: NotRequired[list[torch.Tensor]]  # each [B, C, H, W]
    mask: NotRequired[torch.Tensor]  # [B, T], 1 where there is a token
    places: NotRequired[torch.Tensor]  # [B, T, 2], where in a text each token begins and ends (surgery `context`)
    prefix: NotRequired[Prefix]  # of an image: what the first tokens are, before its patches
    laid: NotRequired[torch.Tensor]  # [B, T, 2]: the tokens' numbers, and 1 where one is of an answer behind its text


@dataclass(frozen=True)
class LossOptions:
    """How a head turns its output into a loss.

    `loss` "auto" is cross-entropy for binary and multi-class tasks, binary cross-entropy for
    multi-label ones, mean squared error for regression. `class_weights` [C] multiply each class.
    """

    loss: Literal["auto", "cross_entropy", "binary_cross_entropy", "mse", "huber"] = "auto"
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Loss:
    """One named loss: a scalar, and the target whose labels it is made of; None where it is made of none."""

    value: torch.Tensor
    target: str | None = None


class Objective(ABC):
    """What is minimised, on which streams. Does no input or output; its frozen dataclass holds options and no state.

    Attributes:
        reads: "features" where the losses come from `model.features` alone, so that features of a frozen backbone,
            computed once, may be handed over in the place of examples. "inputs" always gets the examples themselves.
        is_heads_loss: Whether the only losses are the heads' own, each on the labelled rows of one stream, so that
            heads on features that stay the same may be solved instead of trained.
        learns_by_steps: Whether gradients can minimise it; one that only solved heads do is refused elsewhere.
        couples_rows: Whether the losses compare rows of a batch with each other, as a contrast does. The batch is then
            never cut: micro-batches and several processes are refused, as they would change what is minimised.
        criterion: A file of `criteria/`, by which a step is kept where the recipe names none.
        forms: Of the targets that it can learn; () is every one.
        also: Streams that it takes beside `streams` where the data has their pool, and does without where it has not.
        only: The one of several targets that it learns; None for all.
    """

    reads: ClassVar[Literal["features", "inputs"]] = "inputs"
    is_heads_loss: ClassVar[bool] = False
    learns_by_steps: ClassVar[bool] = True
    couples_rows: ClassVar[bool] = False
    criterion: ClassVar[str] = "validation"
    forms: ClassVar[tuple[Form, ...]] = ()
    also: ClassVar[tuple[Stream, ...]] = ()
    only: str | None = None

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that each step takes one batch of: by default the labelled training rows."""
        return (Stream("train"),)

    def streams_in(self, pools: Mapping[str, Sized]) -> tuple[Stream, ...]:
        """Return the streams that the data's pools are learnt from."""
        return (*self.streams, *(stream for stream in self.also if stream.pool in pools))

    def turn(self, rows: Mapping[str, int], seed: int) -> tuple[str, ...]:
        """Choose the streams that one step takes a batch of: by default all.

        Args:
            rows: How many each stream has, by name.
            seed: The step's: all that is drawn is a function of it.

        Returns:
            Their names; what is left out shows its next batch at its next turn.
        """
        return tuple(rows)

    @property
    def loss_options(self) -> LossOptions:
        """What the heads' loss is asked for; checked against the task before the run."""
        return LossOptions()

    def modules(self, model: Any) -> nn.Module:
        """Make extra modules, which are saved with each step and thrown away after the stage.

        Parameters that require a gradient learn with the model. Others do not, such as those of a teacher that
        `after_step` moves; a module all of whose parameters are so is kept in evaluation mode.
        """
        from torch import nn

        return nn.Module()

    @abstractmethod
    def losses(self, model: Any, extra: Any, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the named losses of one step; their sum is minimised. `progress` runs from 0 to 1."""

    def choose_rows(
        self, model: Any, rows: Mapping[str, Any], features: Callable[[Any], np.ndarray]
    ) -> tuple[Mapping[str, np.ndarray], str]:
        """Choose rows to learn from, before the first step.

        Args:
            model: As it starts.
            rows: Of each stream, as `Rows`.
            features: Gives those of rows shown plainly, as the heads pool them, [N, D].

        Returns:
            The places of the rows that stay, by stream, of those from which some go; and what to tell, "" for nothing.
        """
        return {}, ""

    def maps(self, model: Any, features: Mapping[str, np.ndarray], labels: Mapping[str, Any]) -> Mapped | None:
        """Say what heads that are solved learn in the place of the labelled stream's features.

        Args:
            model: Has the heads.
            features: As the heads pool them, [N, D] by stream.
            labels: Of the labelled stream, by target.

        Returns:
            The rows; None: the features as they are.
        """
        return None

    def after_step(self, model: Any, extra: Any) -> None:  # noqa: B027 - most objectives do nothing here
        """Follow a step, once all its updates of the weights are done; no gradients are recorded.

        State that lives on belongs in `extra`, where it is saved and resumed.
        """

    def summed(self, extra: Any) -> Sequence[torch.Tensor]:
        """Name the tensors of `extra` to which `losses` adds what it sees: `after_step` finds those of all processes.

        They are floats, and `after_step` sets them back to zero.
        """
        return ()

    def told(self, model: Any, extra: Any) -> str:
        """Say in a sentence what the user should know at the end; "" where there is nothing."""
        return ""


ModelPart = Literal["backbone", "heads", "extra"]
MODEL_PARTS: tuple[ModelPart, ...] = ("backbone", "heads", "extra")


@dataclass(frozen=True)
class Update:
    """One of several updates in a step: `losses`, as in `Objective`, are minimised over the parts in `learn` alone."""

    learn: tuple[ModelPart, ...]
    losses: Callable[[Any, nn.Module, Mapping[str, Batch], float], dict[str, Loss]]


@runtime_checkable
class Stepper(Protocol):
    """An objective of alternating updates, each with its own losses over its own part of what learns.

    A part in which the strategy lets nothing learn is skipped.
    """

    @property
    def updates(self) -> tuple[Update, ...]:
        """The updates of one step, in order."""
        ...


class Solving(NamedTuple):
    """What a solved head is to be the optimum of.

    options: of the loss. imbalance: how rare classes are made up for, as in a recipe's stage. seed: of the folds that
    choose a penalty. groups: of each row; rows of one group are never on both sides of a fold, and None lets every row
    be alone. chosen: what `Solved.chosen` said of other rows, or of other folds: it is taken, not chosen again.
    left_out: whether each row is to be given what it gets without it all the same. weights: how much each row counts,
    [N]; None lets all count alike.
    """

    options: LossOptions
    imbalance: str = "none"
    seed: int = 0
    groups: Sequence[str] | None = None
    chosen: Sequence[Any] | None = None
    left_out: bool = False
    weights: np.ndarray | None = None


class Solved(NamedTuple):
    """How a head was solved: in words, and what it gives each row when it was fitted without it, [N, outputs].

    `out_of_fold` is as of `forward`, before `decode`; nan for rows that were not asked. `chosen` is what the rows chose
    at some cost, as JSON data, so that more rows need not do it again; None where there is no such thing.
    """

    note: str
    out_of_fold: np.ndarray
    chosen: Sequence[Any] | None = None
