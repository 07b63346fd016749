"""The words of Headstart as types. Docs: docs/architecture.md, "Words" and "Contracts"."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NotRequired, Protocol, TypedDict, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import torch
    from torch import nn

Modality = Literal["image", "text", "vector"]
Kind = Literal["binary", "multiclass", "multilabel", "regression"]


@dataclass(frozen=True)
class Task:
    """What is to be predicted from what. `classes` is the one class list, by name; empty for regression."""

    modality: Modality
    kind: Kind
    inputs: tuple[str, ...]
    labels: tuple[str, ...]
    classes: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """Numbers that a head gives for one example: classes, or regression targets."""
        return len(self.classes) or len(self.labels)


@dataclass(frozen=True)
class ImageInput:
    """What a backbone expects of an image: pixels in [0, 1], minus `mean`, over `std`."""

    height: int
    width: int
    channels: int = 3
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bicubic"
    crop: float = 1.0  # evaluation resizes to size / crop, then cuts the centre


@dataclass(frozen=True)
class TextInput:
    """What a backbone expects of a text: the folder of its tokenizer, the most tokens, words added to the tokenizer."""

    tokenizer: str
    max_length: int
    added: tuple[str, ...] = ()


@dataclass(frozen=True)
class VectorInput:
    """What a backbone expects of a row of numbers: how many; None takes the data's."""

    dim: int | None = None


Input = ImageInput | TextInput | VectorInput


@dataclass(frozen=True)
class Card:
    """What is known of a pretrained model, as plain data.

    `builder` is the source that can `rebuild` the network from `architecture`.
    """

    name: str
    family: str
    params: int
    input: Input
    builder: str
    architecture: Mapping[str, Any]
    source_task: str = ""
    labels: tuple[str, ...] = ()
    licence: str = ""
    sha256: str = ""
    revision: str = ""
    inserted: tuple[Mapping[str, Any], ...] = ()  # strategies whose modules stay in it, in order: name and options


@dataclass(frozen=True)
class Stream:
    """One kind of data that an objective asks for. With `labelled=False` its batches carry no labels."""

    name: str
    labelled: bool = True


class Batch(TypedDict):
    """One batch. x: images [B, C, H, W], vectors [B, D], or token tensors by name, each [B, T]. ids name the rows."""

    x: Any
    ids: list[str]
    y: NotRequired[torch.Tensor]  # [B] int64 classes, [B, C] float32 multi-label, [B, T] float32 regression


PrefixToken = Literal["class", "distillation", "register"]
Prefix = tuple[PrefixToken, ...]


class Features(TypedDict):
    """What a backbone returns. Only `pooled` is always there."""

    pooled: torch.Tensor  # [B, D]
    tokens: NotRequired[torch.Tensor]  # [B, T, D]
    maps: NotRequired[list[torch.Tensor]]  # each [B, C, H, W]
    mask: NotRequired[torch.Tensor]  # [B, T], 1 where there is a token
    prefix: NotRequired[Prefix]  # of an image: what the first tokens are, before its patches


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
class Defaults:
    """What a strategy trains with where the recipe leaves it open. `lr` is for AdamW; an epoch is one pass.

    Where `epochs` passes have fewer than `examples` examples, as with ten labels a class, there are more passes.
    """

    lr: float
    epochs: float
    examples: int = 1000
    augment: Literal["none", "light", "strong"] = "light"


@dataclass
class ParamGroup:
    """Parameters that learn together: their rate is `lr_scale` times the stage's."""

    params: Sequence[nn.Parameter]
    lr_scale: float = 1.0
    weight_decay: float | None = None  # None takes the stage's
    start: float = 0.0  # share of the stage that passes before they learn; they are frozen until then


@dataclass(frozen=True)
class ForwardPass:
    """One forward pass that the objective made in this step: what the backbone was given, what it gave, the labels.

    `y` is None where the stream has no labels, or where the objective changed the batch before it passed it on.
    """

    x: Any
    features: Features
    y: torch.Tensor | None = None


@dataclass
class Tuning:
    """What a strategy decided for one model.

    Every parameter in `groups` learns, every other one stays bit-identical. A strategy that needs more than
    that gives functions, which the engine calls for every objective alike:

    survey: once before the first step, with a function that gives every labelled training row once, in batches
        without augmentation, on the model's device, the model being in evaluation mode. What it learns is a function
        of the model and the rows alone, so that a restart learns the same. It may leave fewer parameters in `groups`.
    penalty: at each update of the weights; added to the loss. Depends on the weights alone.
    watch: as `penalty`, from the forward passes that the objective made, with their gradients: no second pass is
        paid for. Passes that no gradient can reach are left out; the list may be empty.
    select: once after the last step, at the best weights, with a function that scores the model as it stands on
        validation (higher is better; None without validation rows). Gives a sentence on what it chose.
    merge: at the very end; folds inserted modules into the model before it is saved.
    """

    groups: list[ParamGroup]
    penalty: Callable[[], torch.Tensor] | None = None
    merge: Callable[[], None] | None = None
    survey: Callable[[Callable[[], Iterable[Batch]]], None] | None = None
    watch: Callable[[Sequence[ForwardPass]], torch.Tensor] | None = None
    select: Callable[[Callable[[], float | None]], str] | None = None


class Head(Protocol):
    """Options of a head, built into a module for a backbone of width `dim` and a task."""

    def build(self, dim: int, task: Task) -> nn.Module:
        """Make the module (a `headstart.models.model.Head`)."""
        ...


class Source(Protocol):
    """A place that pretrained models come from. Its dataclass fields are its options."""

    def names(self, query: str) -> list[str]:
        """List models of this source whose name contains `query`, without loading any."""
        ...

    def load(self, name: str) -> nn.Module:
        """Load a `headstart.models.model.Backbone` with its pretrained weights."""
        ...

    def rebuild(self, card: Card) -> nn.Module:
        """Build the same network with fresh random weights, offline, from the card alone."""
        ...


class Strategy(Protocol):
    """How weights may move. Holds options and no state.

    A strategy that needs more of a backbone than pooled features refuses other backbones in `prepare`, by a
    UsageError "NAME needs …" that names the backbone.
    One whose modules cannot be merged into the network is an `Inserting` strategy too.
    """

    defaults: ClassVar[Defaults]

    def prepare(self, model: Any) -> Tuning:
        """Decide which parameters learn, and how.

        Args:
            model: A `headstart.models.model.Model` with its heads, as the source or the stage before gave it. Modules
                may be put into it; they learn only where they are in a group.

        Returns:
            What learns, and how.

        Raises:
            UsageError: The network or the task lacks what the strategy needs.
        """
        ...


class Inserting(Protocol):
    """A strategy whose modules stay in the backbone: they are saved, and inserted again before weights are loaded."""

    def insert(self, backbone: Any) -> nn.Module:
        """Insert the modules into a `headstart.models.model.Backbone` and record them in its card."""
        ...


class Objective(Protocol):
    """What is minimised, on which streams. Does no input or output."""

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that each step takes one batch of."""
        ...

    @property
    def loss_options(self) -> LossOptions:
        """What the head's loss is asked for; checked against the task before the run."""
        ...

    def modules(self, model: Any) -> nn.Module:
        """Make extra modules that learn with the model and are thrown away afterwards."""
        ...

    def losses(
        self, model: Any, extra: nn.Module, batches: Mapping[str, Batch], progress: float
    ) -> dict[str, torch.Tensor]:
        """Compute the named losses of one step; their sum is minimised. `progress` runs from 0 to 1."""
        ...


ModelPart = Literal["backbone", "heads", "extra"]
MODEL_PARTS: tuple[ModelPart, ...] = ("backbone", "heads", "extra")


@dataclass(frozen=True)
class Update:
    """One of several updates in a step: `losses`, as in `Objective`, are minimised over the parts in `learn` alone."""

    learn: tuple[ModelPart, ...]
    losses: Callable[[Any, nn.Module, Mapping[str, Batch], float], dict[str, torch.Tensor]]


@runtime_checkable
class Stepper(Protocol):
    """An objective of alternating updates, each with its own losses over its own part of what learns.

    A part in which the strategy lets nothing learn is skipped.
    """

    @property
    def updates(self) -> tuple[Update, ...]:
        """The updates of one step, in order."""
        ...


@dataclass(frozen=True)
class Event:
    """Something that happened in a run, for whoever shows it. `values` hold the figures that `message` speaks of."""

    kind: Literal["run", "note", "warning", "stage", "step", "evaluation", "saved", "result"]
    message: str
    values: Mapping[str, Any] = field(default_factory=dict)


class Tracker(Protocol):
    """Options of a place that figures of runs are sent to while they run."""

    def open(self) -> Tracking:
        """Check that it can be used, before any work.

        Returns:
            What takes the run's events.

        Raises:
            UsageError: Its package is not installed; the message names the extra.
        """
        ...


class Tracking(Protocol):
    """A listener that sends figures. A "run" event begins a new run, a "result" event holds its metrics by split."""

    def __call__(self, event: Event, /) -> None:
        """Take one event."""
        ...

    def close(self, *, failed: bool) -> None:
        """End the last run."""
        ...


class Listener(Protocol):
    """Whoever shows what happens in a run."""

    def __call__(self, event: Event, /) -> None:
        """Take one event."""
        ...


def silent(event: Event, /) -> None:
    """Show nothing."""
