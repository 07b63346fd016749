"""What objectives on labelled rows and rows without labels have in common.

Labelled rows and those without labels pass the network in calls of their own, where FixMatch's authors put all into one
batch: strategies that watch passes know labelled rows by it, and batch norm made no difference beyond noise (PACS, 4
labels a class, two seeds). Guesses are made in evaluation mode, by the network that predicts.
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
from headstart.core.learning import AUGMENTED, where_known
from headstart.core.types import Batch, Features, Form, Loss, Stream
from headstart.models.model import Head, Model
from headstart.models.pooling import pool
from headstart.objectives._averages import Averages
from headstart.objectives._few import FEW, learnt
from headstart.objectives._open_set import OpenSet
from headstart.objectives._tasks import task_losses


@dataclass(frozen=True)
class Unlabelled(OpenSet):
    """Minimise the targets' losses on `train`, and `weight` times a loss on `unlabelled`, added up over targets.

    Attributes:
        weight: Of the loss on unlabelled rows, once it has grown.
        start: Fraction of the stage from which on the weight grows from nothing, as the first guesses of a new head are
            of no worth, and a short stage would not forget them.
        full: Fraction of the stage from which on the weight has grown to `weight`.
        ratio: Unlabelled rows in a step for each labelled one.
        pool: The unlabelled rows: "unlabelled", or "target", where they are those of another domain.
        weak: The view of unlabelled rows; "augmented" is that of the labelled ones.
    """

    weight: float = 1.0
    start: float = 0.2
    full: float = 0.5
    ratio: float = 3.0
    pool: str = "unlabelled"
    weak: str = AUGMENTED
    forms: ClassVar[tuple[Form, ...]] = ("classes", "labels")
    also: ClassVar[tuple[Stream, ...]] = (FEW,)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"weight must be 0 or more; it is {self.weight}.")
        if not 0 <= self.start < self.full <= 1:
            raise ValueError(f"start and full must be 0 <= start < full <= 1; they are {self.start} and {self.full}.")

    @property
    def views(self) -> dict[str, str]:
        """The views of unlabelled rows."""
        return {"weak": self.weak}

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Labelled rows, and unlabelled ones."""
        unlabelled = Stream("unlabelled", self.pool, labelled=False, views=self.views, size=self.ratio)
        return (Stream("train"), unlabelled)

    def losses(self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the targets' losses on labelled rows, and those on unlabelled ones: "unlabelled" or "fair:NAME" …"""
        labelled = batches["train"]
        own = task_losses(model, model.features(labelled.x), labelled, self.loss_options)
        found = learnt(model, own, batches, self.loss_options)
        for name, own in self.unlabelled(model, extra, batches["unlabelled"], progress).items():
            found[name] = Loss(self.weight * self.grown(progress) * own)
        return found

    def grown(self, progress: float) -> float:
        """Return how much of the weight counts at a progress in [0, 1]: it grows in a line."""
        return min(max((progress - self.start) / (self.full - self.start), 0.0), 1.0)

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
        align: Whether answers are weighed so that on average each class is as frequent as among the labelled rows
            (distribution alignment; Berthelot et al. 2020, arXiv:1911.09785, section 3.1): guesses that go on from few
            labels leave rare classes out sooner or later. Where the labelled rows were chosen class by class from rows
            of which some classes are much rarer, it does harm.
        decay: Of the moving averages, a step.
    """

    strong: str = "strong"
    on: Literal["examples", "features"] = "examples"
    noise: float = 0.3
    align: bool = True
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
            even = torch.full((classes,), 1 / classes)
            common = {"looked": torch.zeros(()), "counted": torch.zeros(()), "counted_by_class": torch.zeros(classes)}
            common |= {"answered": even, "labelled": even.clone()}
            states[name] = self.averages({**common, **self.starts(classes)})
        return states

    def losses(self, model: Model, extra: nn.Module, batches: Mapping[str, Batch], progress: float) -> dict[str, Loss]:
        """Compute the targets' losses and those of guesses; note the classes of labelled rows."""
        for name, labels in batches["train"].labels.items():
            y = where_known(labels, batches["train"].known.get(name))
            if y.ndim == 1:
                state = cast(Averages, cast(nn.ModuleDict, extra)[name])
                state.count("labelled", torch.bincount(y, minlength=len(state["labelled"])).float())
        return super().losses(model, extra, batches, progress)

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
        answered, answers = answers, self.aligned(state, answers) if head.target.form == "classes" else answers
        labels, likely = head.output.guess(answers)
        counted = self.sure(state, answers, likely)
        by_class = labels * counted.reshape(len(labels), -1)
        every = counted.reshape(len(labels), -1).mean(dim=1)
        common = {"looked": torch.ones_like(every), "counted": every, "counted_by_class": by_class}
        state.add({**common, "answered": answered, **self.seen(state, answers, labels, likely)})
        return {"guessed": (counted * head.output.cross_entropy(out, labels)).mean()}

    def aligned(self, state: Averages, answers: torch.Tensor) -> torch.Tensor:  # [B, C] to [B, C]
        """Weigh the answers by how frequent a class is among labelled rows, beside among answers."""
        if not self.align:
            return answers
        weighed = answers * state["labelled"] / state["answered"].clamp(min=1e-6)
        return weighed / weighed.sum(dim=1, keepdim=True)

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
