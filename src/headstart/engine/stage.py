"""One stage of a run while it trains."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from headstart.core.seeding import seed_torch
from headstart.core.stopping import Stopped
from headstart.core.types import Event, ParamGroup, Tuning
from headstart.engine import checkpoint
from headstart.engine.averaging import Average
from headstart.engine.checkpoint import Checkpoint, Tensors
from headstart.engine.feed import Feed, Workers
from headstart.engine.freezing import apply_freezes
from headstart.engine.job import Examples, Job, RunContext, Score
from headstart.engine.log import Log
from headstart.engine.losses import Losses
from headstart.engine.machine import place
from headstart.engine.optimisers import make_optimiser, set_rate
from headstart.engine.predict import predict
from headstart.engine.proof import check_frozen, frozen_fingerprints
from headstart.engine.saver import Saver
from headstart.engine.stage_data import StageData
from headstart.engine.state import (
    Progress,
    TrainingState,
    load_model,
    model_tensors,
    pack_optimiser,
    unpack_average,
    unpack_optimiser,
)
from headstart.engine.step import Setting, train_step
from headstart.models.model import Model

LOG_EVERY = 10  # steps


class Tools(NamedTuple):
    """What the stages of a run share."""

    log: Log
    saver: Saver
    workers: Workers


class StageRun:
    """One stage while it runs.

    Args:
        model: Is as the stage before left it.
        job: What to do.
        context: Where and how.
        tools: What the stages share.
        state: Where the run stands; is brought up to date at the end.
        progress: Where a fresh stage stands.
    """

    def __init__(
        self, model: Model, job: Job, context: RunContext, tools: Tools, state: TrainingState, progress: Progress
    ) -> None:
        self.model, self.job, self.context, self.world = model, job, context, context.world
        self.log, self.saver = tools.log, tools.saver
        self.state, self.progress = state, progress
        self.number, self.best = state.stage, state.best
        self.losses = Losses(self.world)
        self.data = StageData(model, job, context, tools.workers, self.number)

    def run(self, resumed: Checkpoint | None) -> None:
        """Train through the stage, from its beginning or from a checkpoint, and leave the model at its best."""
        self._prepare(resumed)
        try:
            ending = self._steps(self.data.streams(self.progress.step))
        except Stopped as stopped:
            if self.progress.step:
                stopped.saved = str(self._save() or "")
            raise
        if self.progress.best is not None:
            if self.world.is_writer:
                load_model(self.model, self.saver.load_best(self.progress.best))
            self.world.copy_from_writer(self.model)
        else:
            self.average.apply()
        check_frozen(self.model, self.frozen)
        if self.tuning.select is not None:
            ending += f"; {self.tuning.select(self._validation_score)}"
        self.state.moved |= self.moved
        if self.tuning.merge is not None:
            self.tuning.merge()
            self.state.moved |= set(self.model.state_dict())  # a merge may write to any of them
        back = "" if self.progress.best is None else f"; back to step {int(self.progress.best.rpartition('-')[2])}"
        self._tell("note", f"stage {self.number} ended at step {self.progress.step}: {ending}{back}", {})
        self.state.best = self.best
        self.state.taken += self.progress.step
        self.state.endings.append(ending)

    def _prepare(self, resumed: Checkpoint | None) -> None:
        """Set up all that learns, in the order that any start repeats, then put back what was saved."""
        stage = self.job.stage
        seed_torch(self.context.seed, "stage", self.number)
        self.tuning = self.job.strategy.prepare(self.model)
        self.tuning.groups = apply_freezes(self.model.backbone, self.tuning.groups)
        let_learn(self.model, self.tuning)
        place(self.model, self.context.device)
        if (labelled := self.data.labelled()) is not None:  # before anything copies the head or computes its loss
            assert labelled.rows.y is not None
            self.model.head.output.rebalance(stage.imbalance, labelled.rows.y)
        self.extra = place(self.job.objective.modules(self.model), self.context.device)
        for module in (self.model, self.extra):
            self.world.copy_from_writer(module)
        if self.tuning.survey is not None:
            self.tuning.survey(self.data.survey)
            self.model.zero_grad(set_to_none=True)
            self.tuning.groups = apply_freezes(self.model.backbone, self.tuning.groups)
            let_learn(self.model, self.tuning)
        self.moved = self.state.moved | {name for name, p in self.model.named_parameters() if p.requires_grad}
        extra_group = ParamGroup(list(self.extra.parameters()), max(g.lr_scale for g in self.tuning.groups))
        self.optimiser = make_optimiser([*self.tuning.groups, extra_group], stage)
        learning = [p for group in self.tuning.groups for p in group.params]
        self.frozen = frozen_fingerprints(self.model, self.tuning)
        self.average = Average(self.model, learning, stage.ema)
        if self.data.constant():
            self._tell("note", "the backbone is constant: its features are computed once", {})
            self.data.compute_features()
        if resumed is not None:
            self._restore(resumed)
        else:
            self._check_space()
            if self.best is not None:
                self._score_start()
        self.started = time.monotonic() - self.progress.seconds
        self.resumed_at = time.monotonic()
        self._tell("stage", f"stage {self.number}: {self._learning()}", {"steps": stage.steps})

    def _score_start(self) -> None:
        """Make the stage's own start the one to beat: what the strategy prepared may answer otherwise than before."""
        assert self.data.validation is not None
        start = self._score(self.data.validation)
        self.best = start if start.beats(None) else None
        if self.best is not None:
            self.progress.best = self.saver.save_best(self.number, 0, model_tensors(self.model, self.moved))

    def _steps(self, streams: Mapping[str, Feed]) -> str:
        """Take the steps that are left; return why they ended."""
        stage, progress = self.job.stage, self.progress
        assert stage.steps is not None and stage.evaluate is not None
        self.model.train_learning()  # `predict` puts the modes back
        self.extra.train()
        while True:
            fraction = self._fraction_done()
            if fraction >= 1:
                ending = "all steps done" if progress.step >= stage.steps else self._out_of_time()
            else:
                ending = ""
            unseen = progress.step > progress.evaluated
            validation = self.data.validation
            if validation is not None and unseen and (ending or progress.step % stage.evaluate == 0):
                self._evaluate(validation)
            if not ending and stage.patience and progress.evaluations_without_gain >= stage.patience:
                ending = f"no gain on validation in {stage.patience} looks"
            if ending:
                self._save()
                self._check_stop()
                return ending
            if progress.step and self.world.from_writer(self.saver.due):
                self._save()
            self._check_stop()
            self._step(streams, fraction)

    def _step(self, streams: Mapping[str, Feed], fraction: float) -> None:
        stage, progress = self.job.stage, self.progress
        batches = {name: next(stream) for name, stream in streams.items()}
        if any(group.start for group in self.tuning.groups):
            let_learn(self.model, self.tuning, fraction)
            self.model.train_learning()
        rate = set_rate(self.optimiser, stage, fraction, progress.gains)
        setting = Setting(self.model, self.extra, self.tuning, self.optimiser, self.job, self.context)
        means, progress.parts = train_step(
            setting, batches, key=(self.number, progress.step), progress=fraction, parts=progress.parts
        )
        self.average.update()
        progress.step += 1
        self.losses.add(progress.step, means, batches)
        if progress.step % LOG_EVERY == 0 or progress.step == stage.steps:
            means = self._mean_losses()
            self._log({"lr": rate, "loss": math.fsum(means.values()), "losses": means})
        loss = self.losses.last(wait=self.context.device.type == "cpu")
        self._tell("step", "", {"step": progress.step, "steps": stage.steps, "loss": loss, "lr": rate})

    def _mean_losses(self) -> dict[str, float]:
        entries = self.progress.losses + self.losses.take()
        self.progress.losses = []
        found = {name: [entry[name] for entry in entries if name in entry] for name in dict.fromkeys(chain(*entries))}
        return {name: math.fsum(values) / len(values) for name, values in found.items()}

    def _fraction_done(self) -> float:
        """Share of the stage that is done: by steps, or by time where that runs out first."""
        progress = self.progress
        assert self.job.stage.steps is not None
        by_steps = progress.step / self.job.stage.steps
        if progress.allowed is None:
            return by_steps
        by_time = (time.monotonic() - self.started) / progress.allowed
        return self.world.from_writer(max(by_steps, by_time))

    def _out_of_time(self) -> str:
        return f"the time budget of {self.progress.allowed:.0f} s is used up"

    def _check_stop(self) -> None:
        stop = self.context.stop
        stop.signal = int(self.world.most(stop.signal))
        stop.check()

    def _evaluate(self, validation: Examples) -> None:
        """Score the model on validation, and keep it if it is the best."""
        progress = self.progress
        self.progress.losses += self.losses.take()  # a loss that was not finite must not become the best
        with self.average.in_place():
            score = self._score(validation)
            better = score.beats(self.best)
            progress.evaluated = progress.step
            progress.gains.append(better)
            if better:
                self.best, progress.evaluations_without_gain = score, 0
                tensors = model_tensors(self.model, self.moved)
                progress.best = self.saver.save_best(self.number, progress.step, tensors)
            else:
                progress.evaluations_without_gain += 1
        self._log({score.name: score.value if math.isfinite(score.value) else None})
        values = {"step": progress.step, score.name: score.value, "best": better}
        self._tell("evaluation", f"validation {score.name} {score.value:.4f}", values)

    def _score(self, validation: Examples) -> Score:
        self.world.copy_from_writer(self.model, buffers_only=True)
        predictions = self.data.compute(predict, self.model, validation)
        score = self.context.score(predictions)
        told: list[Any] = self.world.from_writer(list(score))
        return Score(*told)

    def _validation_score(self) -> float | None:
        """Score the model as it stands, higher being better; it becomes the best where it is."""
        if self.data.validation is None:
            return None
        score = self._score(self.data.validation)
        if score.beats(self.best):
            self.best = score
        return score.value if score.higher_is_better else -score.value

    def _parts(self) -> tuple[dict[str, Tensors], dict[str, Any]]:
        optimiser, plain = pack_optimiser(self.optimiser)
        tensors = {
            "model": model_tensors(self.model, self.moved),
            "extra": self.extra.state_dict(),
            "optimiser": optimiser,
            "average": self.average.weights,
        }
        return {part: values for part, values in tensors.items() if values}, plain

    def _save(self) -> Path | None:
        """Save this step, unless nothing has happened since it was saved or loaded."""
        progress, state = self.progress, self.state
        progress.losses += self.losses.take()
        if not self.world.is_writer:
            return None
        now = time.monotonic()
        progress.seconds = now - self.started
        parts, optimiser = self._parts()
        state = {
            "run": state.to_plain() | {"seconds": state.seconds + now - self.resumed_at},
            "stage": asdict(progress),
            "score": None if self.best is None else list(self.best),
            "optimiser": optimiser,
            "updates": self.average.updates,
            "log": self.log.position,
        }
        return self.saver.save_step(self.number, progress.step, parts, state, best=progress.best)

    def _restore(self, saved: Checkpoint) -> None:
        state, parts = saved.state, saved.parts
        load_model(self.model, parts["model"])
        self.extra.load_state_dict(parts.get("extra", {}))
        unpack_optimiser(self.optimiser, parts.get("optimiser", {}), state["optimiser"])
        unpack_average(self.average, parts.get("average", {}), state["updates"])
        self.progress = Progress(**state["stage"])
        self.best = None if state["score"] is None else Score(*state["score"])

    def _check_space(self) -> None:
        """Refuse to start where the checkpoints and the model would not fit: two steps, their bests and a new best."""
        learning = [p for p in self.model.parameters() if p.requires_grad]
        moments = 2 * sum(p.numel() * p.element_size() for p in learning)
        step = checkpoint.size(self._parts()[0]) + moments
        best = checkpoint.size({"model": model_tensors(self.model, self.moved)})
        whole = checkpoint.size({"": self.model.state_dict()})
        if self.world.is_writer:
            checkpoint.check_space(self.context.folder, 2 * step + 3 * best + whole)

    def _learning(self) -> str:
        learning = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        everything = sum(p.numel() for p in self.model.parameters())
        return f"{learning:,} of {everything:,} parameters learn"

    def _log(self, values: dict[str, Any]) -> None:
        seconds = round(time.monotonic() - self.started, 3)
        self.log.write({"stage": self.number, "step": self.progress.step, "seconds": seconds, **values})

    def _tell(self, kind: Any, message: str, values: dict[str, Any]) -> None:
        if self.world.is_writer:
            self.context.listen(Event(kind, message, {"stage": self.number, **values}))


def let_learn(model: nn.Module, tuning: Tuning, progress: float = 1.0) -> None:
    """Let exactly the parameters learn whose turn has come at a progress in [0, 1]."""
    learning = {id(p) for group in tuning.groups if group.start <= progress for p in group.params}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in learning)
