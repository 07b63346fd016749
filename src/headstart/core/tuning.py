"""What a strategy decides for a model: which parameters learn, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import torch
    from torch import nn

    from headstart.core.learning import Batch, Features


@dataclass(frozen=True)
class Defaults:
    """What a strategy trains with where the recipe leaves it open. `lr` is for AdamW; an epoch is one pass.

    Where `epochs` passes have fewer than `updates` steps, as with ten labels a class, there are more passes.
    """

    lr: float
    epochs: float
    updates: int = 400
    augment: str = "weak"  # a view of `views/`
    batch_norm_lr: float | None = None  # where the network has batch norm, which bears larger steps; None: `lr`
    layer_norm_lr: float | None = None  # where it has layer norm, as transformers have, which want smaller ones
    optimiser: Literal["adamw", "solve"] = "adamw"  # "solve": only heads learn, on features that stay the same


@dataclass
class ParamGroup:
    """Parameters that learn together: their rate is `lr_scale` times the stage's."""

    params: Sequence[nn.Parameter]
    lr_scale: float = 1.0
    weight_decay: float | None = None  # None takes the stage's
    start: float = 0.0  # fraction of the stage that passes before they learn; they are frozen until then
    hold: float = 0.0  # times half the squared distance from where the stage starts is added to the loss


@dataclass(frozen=True)
class ForwardPass:
    """One forward pass that the objective made in this step: what the backbone was given, what it gave, the labels.

    `labels` holds the targets that the objective's losses are made of. It is empty where the stream has no labels, or
    where the objective changed the batch before it passed it on. `known` is as of `Batch`.
    """

    x: Any
    features: Features
    labels: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @property
    def y(self) -> Any:
        """The labels of the only target; None without labels."""
        assert len(self.labels) < 2, f"the pass has labels of {', '.join(self.labels)}"
        return next(iter(self.labels.values()), None)


@dataclass(frozen=True)
class Tied:
    """Weights of which each target has a copy, and that stand for one: what the losses say of it reaches all copies.

    copies: of each weight, those of all targets.
    share: a copy moves by its own gradient times 1 - share, and by that of the one weight times share: the sum of the
        copies' gradients, or what a rule makes of the losses' gradients by it. Penalties are each copy's own.
    """

    copies: Sequence[Sequence[nn.Parameter]]
    share: float


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
    select: once after the last step, at the best weights, with a function that scores the model as it stands by the
        stage's criterion (higher is better; None without a score). Gives a sentence on what it chose.
    merge: at the very end; folds inserted modules into the model before it is saved.
    """

    groups: list[ParamGroup]
    penalty: Callable[[], torch.Tensor] | None = None
    merge: Callable[[], None] | None = None
    survey: Callable[[Callable[[], Iterable[Batch]]], None] | None = None
    watch: Callable[[Sequence[ForwardPass]], torch.Tensor] | None = None
    select: Callable[[Callable[[], float | None]], str] | None = None
    tied: Tied | None = None


class Strategy(Protocol):
    """How weights may move. Holds options and no state.

    A strategy that needs more of a backbone than pooled features refuses other backbones in `prepare`, by a
    UsageError "NAME needs …" that names the backbone.
    One whose modules cannot be merged into the network is an `Inserting` strategy too. One whose `watch` compares the
    rows of a batch with each other says `couples_rows: ClassVar[bool] = True`: its batches are never cut.
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


def couples_rows(strategy: Strategy) -> bool:
    """Return whether a strategy compares the rows of a batch with each other; most do not."""
    return getattr(strategy, "couples_rows", False)


class Inserting(Protocol):
    """A strategy whose modules stay in the backbone: they are saved, and inserted again before weights are loaded."""

    def insert(self, backbone: Any) -> nn.Module:
        """Insert the modules into a `headstart.models.model.Backbone` and record them in its card."""
        ...
