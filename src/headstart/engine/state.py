"""What a run has to remember to go on as if it had never stopped, and how that becomes tensors and JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from headstart.core.types import Score
from headstart.engine.checkpoint import Tensors
from headstart.models.model import Model


@dataclass
class TrainingState:
    """Where a run stands at the start of a stage.

    Attributes:
        stage: Number of the stage.
        best: The score to beat.
        taken: Steps of the stages before.
        endings: Why each of them ended.
        once: What was computed once in each, or why nothing was, in words; "" where it was not asked.
        kept: The step whose weights each ended with; None where more than a step was chosen.
        levelled: As `Progress.levelled`, of each.
        solved: As `Progress.solved`, of each.
        moved: Names of the model's tensors that may differ from the source's.
        seconds: Training time before the run was last resumed.
    """

    stage: int = 0
    best: Score | None = None
    taken: int = 0
    endings: list[str] = field(default_factory=list)
    once: list[str] = field(default_factory=list)
    kept: list[int | None] = field(default_factory=list)
    levelled: list[tuple[int, float] | None] = field(default_factory=list)
    solved: list[dict[str, Any]] = field(default_factory=list)
    moved: set[str] = field(default_factory=set)
    seconds: float = 0.0

    def to_plain(self) -> dict[str, Any]:
        """Return JSON data."""
        plain = dataclasses.asdict(self) | {"moved": sorted(self.moved)}
        return plain | {"best": None if self.best is None else self.best.to_plain()}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> TrainingState:
        """Read what `to_plain` gave."""
        return cls(**{**plain, "best": Score.from_plain(plain["best"]), "moved": set(plain["moved"])})


@dataclass
class Progress:
    """Where a stage stands.

    Attributes:
        step: Steps taken.
        evaluated: The step of the last evaluation by the criterion; 0 before the first.
        evaluations_without_gain: In a row, among those that patience counts.
        lowest_loss: Of all evaluations that break ties by a loss; None before the first.
        gains: Whether each evaluation with a score was a gain: the best so far, or of the lowest loss.
        best: Name of the checkpoint with the best weights; None before there is one.
        levelled: The step at which patience was used up, and the fraction of the schedule that was done then.
        solved: What was chosen for the heads that were solved, by target.
        last: The score of the last evaluation, as JSON data; None where it had none.
        losses: Losses of the steps since the last line of the log.
        micro_batches: How many there are in a step; grows where memory runs out.
        seconds: Time used.
        allowed: Time that the stage may take; None without a budget.
    """

    micro_batches: int
    allowed: float | None
    step: int = 0
    evaluated: int = 0
    evaluations_without_gain: int = 0
    lowest_loss: float | None = None
    gains: list[bool] = field(default_factory=list)
    best: str | None = None
    levelled: tuple[int, float] | None = None
    solved: dict[str, Any] = field(default_factory=dict)
    last: list[Any] | None = None
    losses: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0


def model_tensors(model: nn.Module, moved: Set[str]) -> dict[str, torch.Tensor]:
    """Return the tensors of the model that can have moved: those named, and all buffers."""
    names = moved | {name for name, _ in model.named_buffers()}
    return {name: tensor for name, tensor in model.state_dict().items() if name in names}


def load_model(model: nn.Module, tensors: Tensors) -> None:
    """Put tensors of a checkpoint into the model; the others stay."""
    model.load_state_dict({**model.state_dict(), **tensors})


def start_tensors(model: Model, moved: set[str]) -> dict[str, dict[str, torch.Tensor]]:
    """Return what a stage starts from: what can have moved, and the source's classifier, which may be trained too."""
    parts = {"model": model_tensors(model, moved)}
    if model.backbone.source_classifier is not None:
        weight, bias = model.backbone.source_classifier
        parts["source"] = {"weight": weight} | ({} if bias is None else {"bias": bias})
    return parts


def load_start(model: Model, parts: Mapping[str, Tensors]) -> None:
    """Put back what `start_tensors` gave."""
    load_model(model, parts["model"])
    if "source" in parts:
        model.backbone.source_classifier = (parts["source"]["weight"], parts["source"].get("bias"))


def pack_optimiser(optimiser: torch.optim.Optimizer) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Split an optimiser's state into tensors named PARAMETER.KEY and JSON data of the same names."""
    tensors: dict[str, torch.Tensor] = {}
    plain: dict[str, Any] = {}
    for number, entries in optimiser.state_dict()["state"].items():
        for key, value in entries.items():
            (tensors if isinstance(value, torch.Tensor) else plain)[f"{number}.{key}"] = value
    return tensors, plain


def unpack_optimiser(optimiser: torch.optim.Optimizer, tensors: Tensors, plain: dict[str, Any]) -> None:
    """Put back what `pack_optimiser` gave, in the parameters' own memory layout, so that sums stay bit-identical."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for name, value in {**plain, **tensors}.items():
        number, _, key = name.partition(".")
        parameter = parameters[int(number)]
        if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
            value = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        state.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
