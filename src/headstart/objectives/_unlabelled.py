"""What objectives on labelled rows and rows without labels have in common.

Labelled rows and those without labels pass the network in calls of their own. Guesses are made in evaluation mode.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import first_few
from headstart.core.learning import AUGMENTED
from headstart.core.types import Batch, Features, Form, Loss, LossOptions, Objective, Stream
from headstart.models.model import Head, Model, pool
from headstart.objectives._averages import Averages
from headstart.objectives._tasks import task_losses


@dataclass(frozen=True)
class Unlabelled(Objective):
    """Minimise the targets' losses on `train`, and `weight` times a loss on `unlabelled`, added up over targets.

    Attributes:
        weight: Of the loss on unlabelled rows.
        ratio: Unlabelled rows in a step for each labelled one.
        pool: The unlabelled rows: "unlabelled", or "target", where they are those of another domain.
        weak: The view of unlabelled rows; "augmented" is that of the labelled ones.
        label_smoothing: As in `supervised`.
    """

    weight: float = 1.0
    ratio: float = 3.0
    pool: str = "unlabelled"
    weak: str = AUGMENTED
    label_smoothing: float = 0.0
    reads: ClassVar[Literal["features", "inputs"]] = "features"
    forms: ClassVar[tuple[Form, ...]] = ("classes", "labels")

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1); it is {self.label_smoothing}.")
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"weight must be 0 or more; it is {self.weight}.")

    @property
    def views(self) -> dict[str, str]:
        """The views of unlabelled rows."""
        return {"weak": self.weak}

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Labelled rows, and unlabelled ones."""
        unlabelled = Stream("unlabelled", self.pool, labelled=False, views=self.views, size=self.ratio)
        return (Stream("train"), unlabelled)

    @property
    def loss_options(self) -> LossOptions:
        """What the heads are asked for."""
        return LossOptions(label_smoothing=self.label_smoothing)

    def losses(self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the targets' losses on labelled rows, and those on unlabelled ones: "unlabelled" or "fair:NAME" …"""
        labelled = batches["train"]
        found = task_losses(model, model.features(labelled.x), labelled.labels, self.loss_options)
        for name, own in self.unlabelled(model, extra, batches["unlabelled"], progress).items():
            found[name] = Loss(self.weight * own)
        return found

    @abstractmethod
    def unlabelled(self, model: Model, extra: nn.Module, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        """Compute the losses of unlabelled rows by name, each a scalar."""

    def part(self, what: str, target: str, model: Model) -> str:
        """Name a loss of one of several targets."""
        return what if len(model.heads) == 1 else f"{what}:{target}"


@dataclass(frozen=True)
class Guessing(Unlabelled):
    """The weak view's answers are the labels of the strong view, each as far as it is sure.

    Attributes:
        strong: The view that learns.
        on: "examples" shows the row in two views; "features" shows it once, and drops and stretches features in place
            of the strong view: for features that are computed once.
        noise: Share of the features that is dropped, and deviation of the factor by which the others are stretched.
        decay: Of the moving averages, a step.
    """

    strong: str = "strong"
    on: Literal["examples", "features"] = "examples"
    noise: float = 0.3
    decay: float = 0.95
    averages: ClassVar[type[Averages]] = Averages

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("noise", "decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1); it is {getattr(self, name)}.")

    @property
    def views(self) -> dict[str, str]:
        """Two views, or one."""
        return {"weak": self.weak, "strong": self.strong} if self.on == "examples" else {"weak": self.weak}

    @abstractmethod
    def sure(self, state: Averages, answers: torch.Tensor, likely: torch.Tensor) -> torch.Tensor:
        """Say how much each guess counts.

        Args:
            state: The target's averages as of the last step.
            answers: Probabilities that the weak view was given, [B, C].
            likely: The probability of each guess, [B]; [B, C] where each class has a label of its own.

        Returns:
            Of the shape of `likely`, in [0, 1].
        """

    def starts(self, classes: int) -> dict[str, torch.Tensor]:
        """Name what is averaged beside the share of sure guesses, with the values before the first step."""
        return {}

    def seen(
        self, state: Averages, answers: torch.Tensor, labels: torch.Tensor, likely: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return what is averaged of some rows, by the names of `starts`, each [B, …]."""
        return {}

    def modules(self, model: Model) -> nn.Module:
        """Make the averages of each target."""
        states = nn.ModuleDict()
        for name, head in model.by_target().items():
            classes = len(head.target.classes)
            shares = {"looked": torch.zeros(()), "counted": torch.zeros(()), "counted_by_class": torch.zeros(classes)}
            states[name] = self.averages({**shares, **self.starts(classes)})
        return states

    def unlabelled(self, model: Model, extra: nn.Module, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        """Compute the cross-entropy of the strong view against the guesses."""
        found = {}
        with torch.no_grad(), model.evaluating():
            weak = model.features(batch.views["weak"])
            answers = {name: head.decode(head(weak)) for name, head in model.by_target().items()}
        strong = self._strong(model, batch)
        for name, head in model.by_target().items():
            state = cast(Averages, cast(nn.ModuleDict, extra)[name])
            parts = self.parts(head, state, answers[name], head(strong).float())
            found |= {self.part(what, name, model): loss for what, loss in parts.items()}
        return found

    def parts(self, head: Head, state: Averages, answers: torch.Tensor, out: torch.Tensor) -> dict[str, torch.Tensor]:
        """Compute the losses of one target.

        Args:
            head: The target's.
            state: Its averages; takes in the rows.
            answers: Probabilities that the weak view was given, [B, C].
            out: Outputs for the strong view, [B, C].

        Returns:
            Scalars by name.
        """
        labels, likely = head.output.guess(answers)
        counted = self.sure(state, answers, likely)
        by_class = labels * counted.reshape(len(labels), -1)
        every = counted.reshape(len(labels), -1).mean(dim=1)
        shares = {"looked": torch.ones_like(every), "counted": every, "counted_by_class": by_class}
        state.add({**shares, **self.seen(state, answers, labels, likely)})
        return {"guessed": (counted * head.output.cross_entropy(out, labels)).mean()}

    def _strong(self, model: Model, batch: Batch) -> Features:
        if self.on == "examples":
            return model.features(batch.views["strong"])
        head = next(iter(model.by_target().values()))  # the heads pool alike
        pooled = noisy(pool(model.features(batch.views["weak"]), head.pooling), self.noise)
        return {"pooled": pooled, "tokens": pooled.unsqueeze(1)}

    def summed(self, extra: Any) -> Sequence[torch.Tensor]:
        """Return what the averages took in."""
        return [tensor for state in extra.values() for tensor in state.summed()]

    def after_step(self, model: Model, extra: Any) -> None:
        """Let the averages follow."""
        for state in extra.values():
            state.follow(self.decay)

    def told(self, model: Model, extra: Any) -> str:
        """Tell which share of the guesses counted at the end, and of which classes they were."""
        found = []
        for name, head in model.by_target().items():
            state = extra[name]
            if not state["looked"]:
                return ""
            shares = zip(head.target.classes, (state["counted_by_class"] / state["looked"]).tolist(), strict=True)
            by_class = first_few((f"{label} {share:.0%}" for label, share in shares), most=10)
            of = "" if len(extra) == 1 else f" of '{name}'"
            found.append(f"{(state['counted'] / state['looked']).item():.0%} of the guesses{of} were sure ({by_class})")
        return f"rows without labels, at the end: {'; '.join(found)}; the others taught little or nothing"


def noisy(features: torch.Tensor, noise: float) -> torch.Tensor:
    """Drop a share of the features, and stretch each of the others by a normal factor around 1.

    Args:
        features: Of any scale, [B, D].
        noise: The share that is dropped, and the factor's deviation (Gaussian dropout, Srivastava et al. 2014, JMLR).

    Returns:
        [B, D], on average the features themselves.
    """
    return functional.dropout(features * (1 + noise * torch.randn_like(features)), noise)
