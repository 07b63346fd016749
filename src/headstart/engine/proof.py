"""Proof of what moved: hashes of all parameters before and after, and frozen tensors that must stay bit-identical."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypedDict

import torch
from torch import nn

from headstart.core.errors import TrainingError, first_few
from headstart.core.types import Tuning
from headstart.features.fingerprint import hash_of
from headstart.models.model import Model


class Moved(TypedDict):
    """How many of a stage's parameters there are and moved, and whether what was frozen stayed bit-identical."""

    parameters: int
    moved: int
    frozen_identical: bool


def fingerprints(model: nn.Module) -> dict[str, str]:
    """Hash every parameter, by name."""
    return {name: hash_of(parameter) for name, parameter in model.named_parameters()}


def frozen_fingerprints(model: nn.Module, tuning: Tuning) -> dict[str, str]:
    """Hash what must not move in a stage: parameters in no group, and the buffers of modules that are all frozen."""
    learning = {id(p) for group in tuning.groups for p in group.params}
    frozen = {name: hash_of(p) for name, p in model.named_parameters() if id(p) not in learning}
    return {**frozen, **{name: hash_of(buffer) for name, buffer in _frozen_buffers(model, "", learning)}}


def check_frozen(model: nn.Module, before: Mapping[str, str]) -> None:
    """Check that frozen tensors are what they were.

    Args:
        model: At the end of a stage.
        before: What `frozen_fingerprints` gave at its start.

    Raises:
        TrainingError: One moved, or is no longer there.
    """
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    wrong = [name for name, old in before.items() if name not in tensors or hash_of(tensors[name]) != old]
    if wrong:
        raise TrainingError(
            f"{len(wrong)} of {len(before)} frozen tensors moved in training: {first_few(wrong)}. "
            "The strategy or the objective changes weights that it says are frozen; the model was not saved."
        )


def what_moved(model: Model, before: Mapping[str, str]) -> dict[str, Moved]:
    """Compare all parameters with what they were at the start of the run.

    Args:
        model: At the end of the run, every stage of which `check_frozen` has passed.
        before: What `fingerprints` gave at its start.

    Returns:
        By stage of the backbone and head: numbers in tensors. A parameter that was not there before has moved.
    """
    parameters = dict(model.named_parameters())
    stages = {stage: [f"backbone.{name}" for name in names] for stage, names in model.backbone.stages().items()}
    staged = {name for names in stages.values() for name in names}
    for name in parameters:
        if name not in staged:
            part = ".".join(name.split(".")[:2])  # "heads.target", or a strategy's own module in the backbone
            stages.setdefault(part, []).append(name)
    return {
        stage: Moved(
            parameters=sum(parameters[name].numel() for name in names),
            moved=sum(parameters[name].numel() for name in names if hash_of(parameters[name]) != before.get(name)),
            frozen_identical=True,
        )
        for stage, names in stages.items()
    }


def in_words(moved: Mapping[str, Moved]) -> str:
    """Describe what moved in one line."""
    total, count = (sum(stage[key] for stage in moved.values()) for key in ("parameters", "moved"))
    still = [name for name, stage in moved.items() if not stage["moved"]]
    learnt = [
        name if stage["moved"] == stage["parameters"] else f"{name} in part"
        for name, stage in moved.items()
        if stage["moved"]
    ]
    line = f"moved: {count:,} of {total:,} parameters ({_range(learnt)})"
    return line + (f"; bit-identical: {_range(still)}" if still else "")


def _range(names: list[str]) -> str:
    return first_few(names) if len(names) <= 4 else f"{names[0]}, {names[1]} … {names[-1]}"


def _frozen_buffers(module: nn.Module, prefix: str, learning: set[int]) -> Iterator[tuple[str, torch.Tensor]]:
    own = [id(p) for p in module.parameters()]
    if own and not learning.intersection(own):
        for name, buffer in module.named_buffers():
            yield f"{prefix}{name}", buffer
        return
    for name, child in module.named_children():
        yield from _frozen_buffers(child, f"{prefix}{name}.", learning)
