"""Whether bfloat16 pays on a CPU: two batches of a stage, computed in both number formats on a copy of the model.

Matrices of a transformer gain, small and depthwise convolutions lose (and round too much), so that neither a rule nor
the network's name tells.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from headstart.core.types import Batch, Defaults, Strategy, Tuning, silent
from headstart.engine.build import BuiltStage, build
from headstart.engine.distributed import World
from headstart.engine.feed import Workers
from headstart.engine.forward import Place
from headstart.engine.job import Job, RunContext
from headstart.engine.lone import lone_values
from headstart.engine.machine import keep_memory
from headstart.engine.step import gradients, learning_of, updates_of
from headstart.models.model import Model

FORMATS = ("float32", "bfloat16")
LEAST_GAIN = 1.15  # times faster a step must be
TOLERANCES = {"features": 0.02, "loss": 0.01, "gradient": 0.05}  # of the float32 ones: norms of the difference
ROWS = 16  # of each batch, at most

Computed = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Compared:
    """What bfloat16 does to a stage.

    Attributes:
        differences: By name of what is compared, the norm of the difference over the norm in float32.
        gain: How many times faster a forward and a backward pass are; None where the difference alone decides.
    """

    differences: Mapping[str, float]
    gain: float | None = None

    @property
    def close(self) -> bool:
        """Whether every difference is within its tolerance; one that is no number is not."""
        return all(self.differences[name] <= most for name, most in TOLERANCES.items())

    @property
    def pays(self) -> bool:
        """Whether bfloat16 is close enough, and faster by enough."""
        return self.close and self.gain is not None and self.gain >= LEAST_GAIN


def compare_formats(model: Model, job: Job, context: RunContext) -> Compared | None:
    """Compute two batches of a stage in both formats.

    The differences are those of the pooled features, the loss and the gradient, in evaluation mode, so that dropout
    has no part in them. The gain is of processor time, in the modes of training, each batch and format at its best of
    two; it is not measured where a difference is beyond its tolerance.

    Args:
        model: As the stage will get it; it stays as it is.
        job: The stage. What its strategy would find in a survey of the rows, and its penalties, are left out.
        context: Where and how to train; its device is a CPU.

    Returns:
        What was found; None where nothing in the backbone learns.
    """
    keep_memory()
    context = dataclasses.replace(context, listen=silent, world=World())
    stage = dataclasses.replace(job.stage, ema=0.0, swad=0.0)
    job = dataclasses.replace(job, strategy=_Plain(job.strategy), stage=stage)
    with torch.random.fork_rng(devices=[]):
        built = build(copy.deepcopy(model), job, context, Workers(0, lambda _: None), 0, set())
        if not any(p.requires_grad for p in built.model.backbone.parameters()):
            return None
        streams = built.data.streams(0)
        batches = [_few({name: next(stream) for name, stream in streams.items()}, job) for _ in range(2)]
        built.model.eval()
        built.extra.eval()
        plain, rounded = (_compute(built, batches[0], name) for name in FORMATS)
        found = Compared({name: _difference(plain[name], rounded[name]) for name in TOLERANCES})
        if not found.close:
            return found
        built.train_modes()
        seconds = dict.fromkeys(FORMATS, 0.0)
        for batch in batches:
            taken = [{name: _seconds(built, batch, name) for name in FORMATS} for _ in range(2)]
            for name in FORMATS:
                seconds[name] += min(each[name] for each in taken)
    return dataclasses.replace(found, gain=seconds["float32"] / max(seconds["bfloat16"], 1e-9))


class _Plain:
    """A strategy without its survey, and without what may need one."""

    defaults: ClassVar[Defaults]

    def __init__(self, inner: Strategy) -> None:
        self.inner = inner

    def prepare(self, model: Model) -> Tuning:
        return Tuning(self.inner.prepare(model).groups)


def _few(batches: Mapping[str, Batch], job: Job) -> Mapping[str, Batch]:
    """Take a micro-batch, of no more than `ROWS` rows of each stream."""
    count = max(job.stage.accumulate, *(-(-len(batch) // ROWS) for batch in batches.values()))
    return {name: batch.split(min(count, len(batch)))[0] for name, batch in batches.items()}


def _compute(built: BuiltStage, batches: Mapping[str, Batch], precision: str) -> Computed:
    """Compute losses and gradients of all updates in a format; the features are those of the last forward pass."""
    pooled: list[torch.Tensor] = []
    hook = built.model.backbone.register_forward_hook(lambda _, __, out: pooled.append(out["pooled"].detach()))
    try:
        losses = _pass(built, batches, precision)
    finally:
        hook.remove()
    parameters = [*built.model.parameters(), *built.extra.parameters()]
    gradient = [p.grad.flatten() for p in parameters if p.grad is not None]
    return {"features": pooled[-1], "loss": torch.stack(losses), "gradient": torch.cat([torch.zeros(0), *gradient])}


def _pass(built: BuiltStage, batches: Mapping[str, Batch], precision: str) -> list[torch.Tensor]:
    built = dataclasses.replace(built, context=dataclasses.replace(built.context, precision=precision))
    built.model.zero_grad(set_to_none=True)
    built.extra.zero_grad(set_to_none=True)
    losses: list[torch.Tensor] = []
    with lone_values(built, [batches]):
        for number, update in enumerate(updates_of(built.job.objective)):
            learning = learning_of(built.model, built.extra, update)
            if learning:
                place = Place(built.number, 0, number, 0.0)
                found, wrong = gradients(built, [batches], update, learning, place)
                losses += [torch.tensor(torch.nan)] if wrong else found.values()
    return losses


def _seconds(built: BuiltStage, batches: Mapping[str, Batch], precision: str) -> float:
    before = time.process_time()
    _pass(built, batches, precision)
    return time.process_time() - before


def _difference(plain: torch.Tensor, rounded: torch.Tensor) -> float:
    if plain.shape != rounded.shape:  # there is no gradient of a loss that is not finite
        return float("nan")
    norm: Any = torch.linalg.vector_norm
    return (norm(plain.double() - rounded.double()) / norm(plain.double()).clamp(min=1e-12)).item()
