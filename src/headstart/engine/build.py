"""Build a stage: everything that its steps work on, in the order that any start repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import nn

from headstart.core.errors import UsageError
from headstart.core.interface import option
from headstart.core.plugins import name_of
from headstart.core.seeding import seed_torch
from headstart.core.types import Event, ParamGroup, Tuning
from headstart.engine.averaging import Average
from headstart.engine.combiner import Combiner
from headstart.engine.feed import Workers
from headstart.engine.freezing import apply_freezes, let_learn
from headstart.engine.gradients import common_weights
from headstart.engine.job import Job, RunContext
from headstart.engine.machine import place
from headstart.engine.optimisers import SOLVE, make_optimiser
from headstart.engine.proof import frozen_fingerprints
from headstart.engine.stage_data import StageData
from headstart.engine.valley import Dense
from headstart.models.model import Model, frozen_modules_train


class Held(NamedTuple):
    """A weight that is pulled back to where the stage starts: times half the squared distance, it adds to the loss."""

    now: nn.Parameter
    then: torch.Tensor
    strength: float


@dataclass(frozen=True)
class BuiltStage:
    """What a stage works on from its first step to its last.

    Attributes:
        number: Number of the stage.
        model: What is trained, in place.
        extra: The objective's modules, some of which may learn along.
        tuning: What the strategy decided.
        optimiser: Over all that learns; None where heads are solved.
        combiner: Makes one update of several losses; None: their sum is minimised.
        held: What is pulled back to where the stage starts.
        average: Average of the weights that learn.
        data: The rows.
        moved: Names of the model's tensors that may differ from the source's.
        frozen: Hashes of the tensors that must not move.
        job: What is to be done.
        context: Where and how to train.
        told: What was said of the steps.
    """

    number: int
    model: Model
    extra: nn.Module
    tuning: Tuning
    optimiser: torch.optim.Optimizer | None
    combiner: Combiner | None
    held: Sequence[Held]
    average: Average
    data: StageData
    moved: frozenset[str]
    frozen: Mapping[str, str]
    job: Job
    context: RunContext
    told: set[str] = field(default_factory=set)

    def tell_once(self, message: str) -> None:
        """Warn, unless this was said in the stage before."""
        if message not in self.told:
            self.told.add(message)
            self.context.listen(Event("warning", message))

    def train_modes(self) -> None:
        """Set what learns to training mode and what is frozen to evaluation mode, a teacher in `extra` included."""
        self.model.train_learning()
        self.extra.train()
        for name in frozen_modules_train(self.extra):
            self.extra.get_submodule(name).eval()


def build(model: Model, job: Job, context: RunContext, workers: Workers, number: int, moved: set[str]) -> BuiltStage:
    """Let the strategy and the objective put up what they need.

    Args:
        model: The model as the stage before left it.
        job: What is to be done.
        context: Where and how to train.
        workers: Common to the stages.
        number: Number of the stage.
        moved: Names of the tensors that earlier stages may have moved.

    Returns:
        The stage at its start.

    Raises:
        UsageError: The strategy or the objective does not fit the model.
    """
    data = StageData(model, job, context, workers, number)
    seed_torch(context.seed, "stage", number)
    tuning = job.prepare(model)
    _let_learn(model, tuning)
    place(model, context.device)
    if (labelled := data.labelled()) is not None:  # before anything copies the heads or computes their losses
        for name in labelled.rows.targets:
            head: Any = model.heads[name]
            head.output.rebalance(job.stage.imbalance, labelled.rows.labels_of(name))
    extra = place(job.objective.modules(model), context.device)
    for module in (model, extra):
        context.world.copy_from_writer(module)
    if tuning.survey is not None:
        tuning.survey(data.survey)
        model.zero_grad(set_to_none=True)
        _let_learn(model, tuning)
    learning = [p for group in tuning.groups for p in group.params]
    _check_common(model, tuning, learning, job)
    with_model = [p for p in extra.parameters() if p.requires_grad]
    extra_group = ParamGroup(with_model, max(group.lr_scale for group in tuning.groups))
    return BuiltStage(
        number,
        model,
        extra,
        tuning,
        None if job.stage.optimiser == SOLVE else make_optimiser([*tuning.groups, extra_group], job.stage),
        None if job.rule is None else Combiner(job.rule),
        [Held(p, p.detach().clone(), group.hold) for group in tuning.groups if group.hold for p in group.params],
        Dense(model, learning, job.stage.swad) if job.stage.swad else Average(model, learning, job.stage.ema),
        data,
        frozenset(moved | {name for name, p in model.named_parameters() if p.requires_grad}),
        frozen_fingerprints(model, tuning),
        job,
        context,
    )


def _check_common(model: Model, tuning: Tuning, learning: Sequence[nn.Parameter], job: Job) -> None:
    """Refuse a rule for gradients where the losses have no weights in common that learn."""
    if job.rule is None or not job.rule.reads_gradients:
        return
    if not common_weights(model.backbone, tuning.tied, learning):
        raise UsageError(
            f"The rule '{name_of(job.rule)}' combines gradients of the weights that the losses have in common, and "
            f"of these none learns. Choose another strategy, such as {option('strategy', 'full')}, or a scheme with "
            "something in common."
        )
    if tuning.tied is not None and job.rule.on == "features":
        raise UsageError(
            f"The rule '{name_of(job.rule)}' is to take gradients by the features, and each target has features of "
            "its own here. Use on=weights."
        )


def _let_learn(model: Model, tuning: Tuning) -> None:
    tuning.groups = apply_freezes(model.backbone, tuning.groups)
    let_learn(model, tuning)
