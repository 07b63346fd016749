"""Mean Teacher: agree with the own weights' moving average (Tarvainen & Valpola 2017, arXiv:1703.01780).

Their section 2: the mean squared difference of the probabilities that student and teacher give two views of a row
(section 3.1), with a weight that grows as exp(-5 (1 - t)^2); of a regression that of values in standard deviations.
Deviations: the teacher answers in evaluation mode, with averaged statistics of batch norm, where the paper's drops
features too; only tensors that can move are averaged. The student is what is saved; `ema` saves its average.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import nn

from headstart.core.types import Batch, Form
from headstart.models.model import Model
from headstart.objectives._unlabelled import Unlabelled


@dataclass(frozen=True)
class MeanTeacher(Unlabelled):
    """Minimise the targets' losses on labelled rows, and how far student and teacher are apart on the others.

    Attributes:
        strong: The student's view of rows without labels; the teacher sees the weak one.
        decay: Of the teacher's average, a step; less in the first steps.
    """

    weight: float = 10.0
    strong: str = "strong"
    start: float = 0.0
    decay: float = 0.99
    forms: ClassVar[tuple[Form, ...]] = ()

    @property
    def views(self) -> dict[str, str]:
        """The teacher's view and the student's."""
        return {"weak": self.weak, "strong": self.strong}

    def grown(self, progress: float) -> float:
        """Return how much of the weight counts: it grows as exp(-5 (1 - t)^2)."""
        return math.exp(-5 * (1 - super().grown(progress)) ** 2)

    def modules(self, model: Model) -> nn.Module:
        """Make the teacher: the student as it is."""
        return Teacher(model)

    def unlabelled(self, model: Model, extra: nn.Module, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        """Compute the mean squared difference of comparable answers, [B, C] each."""
        teacher = cast(Teacher, extra)
        with torch.no_grad(), model.evaluating(), teacher.in_place(model):
            weak = model.features(batch.views["weak"])
            answers = {name: head.output.comparable(head(weak).float()) for name, head in model.by_target().items()}
        strong, found = model.features(batch.views["strong"]), {}
        for name, head in model.by_target().items():
            apart = (head.output.comparable(head(strong).float()) - answers[name]) ** 2
            found[self.part("consistency", name, model)] = apart.mean()
        return found

    def after_step(self, model: Model, extra: Any) -> None:
        """Let the teacher follow."""
        extra.follow(model, self.decay)


class Teacher(nn.Module):
    """Averages of a model's learning parameters and of its buffers of floats, in their order.

    Args:
        model: What is averaged.
    """

    steps: torch.Tensor

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros(()))
        self.names = [name for name, tensor in model.named_parameters() if tensor.requires_grad]
        self.names += [name for name, tensor in model.named_buffers() if tensor.is_floating_point()]
        for place, tensor in enumerate(self._of(model)):
            self.register_buffer(f"average_{place}", tensor.detach().clone())

    def _of(self, model: Model) -> list[torch.Tensor]:
        known = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        return [known[name] for name in self.names]

    def _pairs(self, model: Model) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for place, tensor in enumerate(self._of(model)):
            yield self.get_buffer(f"average_{place}"), tensor

    @torch.no_grad()
    def follow(self, model: Model, decay: float) -> None:
        """Move towards the model: of the first steps the plain average, until the decay is reached."""
        self.steps += 1
        share = 1 - min(decay, 1 - 1 / (self.steps.item() + 1))
        for average, tensor in self._pairs(model):
            average.lerp_(tensor, share)

    @contextmanager
    def in_place(self, model: Model) -> Iterator[None]:
        """Put the teacher into the model inside the block, in which nothing is recorded for gradients."""
        pairs = list(self._pairs(model))
        kept = [tensor.data for _, tensor in pairs]
        for average, tensor in pairs:
            tensor.data = average
        try:
            yield
        finally:
            for (_, tensor), own in zip(pairs, kept, strict=True):
                tensor.data = own
