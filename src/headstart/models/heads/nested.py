"""A task inside a task: what the source's own head answers feeds the target's head.

The target's linear layer sees the source's classes (or the hidden layer of its head) beside the features, as stacked
generalisation does with the answers of one model (Wolpert 1992, Neural Networks 5(2)). With `features` the layer loses
nothing by it but rows: softmax and GELU bend, so that no linear layer on the features could do the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.types import Labels, Solved, Solving, Target
from headstart.models.heads._sized import Dense
from headstart.models.model import Backbone, Head


@dataclass(frozen=True)
class Nested:
    """One linear layer on what the source's own head answers: a task inside a task.

    answer: "probabilities" of the source's classes, or "hidden": the hidden layer of the head mlp of an earlier run
    (`run:`). features: whether the layer gets the pooled features, too. learns: whether the source's head learns
    along; else it stays as it was.
    """

    answer: Literal["probabilities", "hidden"] = "probabilities"
    features: bool = True
    learns: bool = False

    def build(self, dim: int, target: Target) -> Head:
        """Make the head for features of width `dim`; until it has seen the source, that is one class and no more."""
        return NestedHead(Inner(torch.zeros(1, dim), torch.zeros(1), target.outputs, self), target, self)


class Inner(nn.Module):
    """The source's head, [B, D] to its answers [B, C], and the target's layer on them."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, outputs: int, options: Nested) -> None:
        super().__init__()
        self.options = options
        self.source = Dense(weight, bias, learns=options.learns)
        width = len(weight) + weight.shape[1] * options.features
        first = nn.init.trunc_normal_(torch.empty(outputs, width), std=0.01)
        self.layer = Dense(first, torch.zeros(outputs), learns=True)

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """Make what the target's layer sees of pooled features [B, D]: [B, C] or [B, C + D]."""
        out = self.source(x)
        answers = out.softmax(dim=1) if self.options.answer == "probabilities" else functional.gelu(out)
        return torch.cat([answers, x.to(answers.dtype)], dim=1) if self.options.features else answers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.seen(x))


class NestedHead(Head):
    """A head that takes the source's head over; the target's layer is solved where the former stays as it is."""

    trunk: Inner

    def __init__(self, trunk: Inner, target: Target, options: Nested) -> None:
        super().__init__(trunk, target)
        self.options = options

    def start(self, backbone: Backbone) -> None:
        """Take a copy of the source's head. UsageError: the source has none of the kind that is asked for."""
        weight, bias = (_classifier if self.options.answer == "probabilities" else _hidden)(backbone)
        bias = torch.zeros(len(weight)) if bias is None else bias
        self.trunk = Inner(weight.float(), bias.float(), self.target.outputs, self.options)

    def solves(self, wanted: Solving) -> bool:
        """Return whether the source's head stays as it is, and the target's loss has a solver."""
        return not self.options.learns and self.output.solves(wanted)

    @torch.no_grad()
    def solve(self, features: np.ndarray, labels: Labels, wanted: Solving) -> Solved:
        """Take the penalised optimum of the target's layer on the source's answers, as the linear head does."""
        layer = self.trunk.layer
        seen = self.trunk.seen(torch.from_numpy(features).float().to(layer.weight.device)).cpu().numpy()
        found = self.output.solve(seen, labels, wanted)
        layer.weight.copy_(torch.from_numpy(found.weight))
        layer.bias.copy_(torch.from_numpy(found.bias))
        return Solved(found.note, found.out_of_fold, found.chosen)


def _classifier(backbone: Backbone) -> tuple[torch.Tensor, torch.Tensor | None]:
    if backbone.source_classifier is None or backbone.source_form != "classes":
        has = f"a head of the form '{backbone.source_form}'" if backbone.source_classifier else "none on these features"
        hidden = f"; answer=hidden takes the hidden layer that its head has ({option('head', 'nested answer=hidden')})"
        raise UsageError(
            f"The head 'nested' asks the source for probabilities of its classes, by its linear classifier, and "
            f"{backbone.card.name} has {has}{hidden if backbone.source_hidden else ''}. Take a source that was trained "
            "to classify (timm:, local:, or run: of a run with one class a row and the head 'linear'), or another head."
        )
    return backbone.source_classifier


def _hidden(backbone: Backbone) -> tuple[torch.Tensor, torch.Tensor]:
    if backbone.source_hidden is None:
        raise UsageError(
            f"answer=hidden needs a source whose head has a hidden layer, and that of {backbone.card.name} has none. "
            f"Take run:FOLDER of a run with {option('head', 'mlp')}, or answer=probabilities."
        )
    return backbone.source_hidden
