"""Run a stage that was built: its steps, evaluations and checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch

from headstart.core.errors import first_few
from headstart.core.stopping import Stopped
from headstart.core.types import Event, Score
from headstart.engine.build import BuiltStage
from headstart.engine.checkpoint import Checkpoint
from headstart.engine.feed import Feed, Workers
from headstart.engine.freezing import let_learn
from headstart.engine.log import Log
from headstart.engine.losses import Losses, mean_losses
from headstart.engine.optimisers import set_rate
from headstart.engine.proof import check_frozen
from headstart.engine.restore import check_room, pack, restore
from headstart.engine.saver import Saver
from headstart.engine.solve import solve_heads
from headstart.engine.state import Progress, TrainingState, load_model, model_tensors
from headstart.engine.step import train_step

LOG_EVERY = 10  # steps


class Tools(NamedTuple):
    """What the stages of a run have in common."""

    log: Log
    saver: Saver
    workers: Workers


class StageRun:
    """A stage while it runs.

    Args:
        built: What it works on.
        tools: The log and the checkpoints.
        state: Where the run stands; is brought up to date at the end.
        progress: Where a fresh stage stands.
    """

    def __init__(self, built: BuiltStage, tools: Tools, state: TrainingState, progress: Progress) -> None:
        self.built, self.tools, self.state, self.progress = built, tools, state, progress
        self.best = state.best
        self.losses = Losses(built.context.world)
        self.started = self.resumed_at = time.monotonic()

    def run(self, resumed: Checkpoint | None) -> None:
        """Train through the stage, from its beginning or from a checkpoint, and leave the model at its best."""
        built, state = self.built, self.state
        self._begin(resumed)
        try:
            ending = self._steps(built.data.streams(self.progress.step))
        except Stopped as stopped:
            if self.progress.step:
                stopped.saved = str(self._save() or "")
            raise
        if self.progress.best is not None:
            if built.context.world.is_writer:
                load_model(built.model, self.tools.saver.load_best(self.progress.best))
            built.context.world.copy_from_writer(built.model)
        else:
            built.average.apply()
        check_frozen(built.model, built.frozen)
        best = self.progress.best
        kept = self.progress.step if best is None else int(best.rpartition("-")[2])
        chose_more = built.tuning.select is not None and bool(built.data.measured)
        state.kept.append(None if chose_more else kept)
        if built.tuning.select is not None:
            ending += f"; {built.tuning.select(self._rescore)}"
        state.moved |= built.moved
        if built.tuning.merge is not None:
            built.tuning.merge()
            state.moved |= set(built.model.state_dict())  # a merge may write to any of them
        back = "" if best is None else f"; back to step {kept}"
        self._tell("note", f"stage {built.number} ended at step {self.progress.step}: {ending}{back}", {})
        state.best = self.best
        state.taken += self.progress.step
        state.endings.append(ending)

    def _begin(self, resumed: Checkpoint | None) -> None:
        """Put back what was saved, or make the stage's own start the one to beat."""
        built = self.built
        if built.data.freeze_features():
            self._tell("note", "the backbone is constant: its features are computed once", {})
        if resumed is not None:
            self.progress, self.best = restore(built, resumed)
        else:
            check_room(built)
            if self.best is not None:  # what the strategy prepared may answer otherwise than the stage before
                start = self._score()
                self.best = start if start is not None and start.beats(None) else None
                self.progress.best = None if self.best is None else self._save_best()
        self.started = time.monotonic() - self.progress.seconds
        self.resumed_at = time.monotonic()
        learning = sum(p.numel() for p in built.model.parameters() if p.requires_grad)
        everything = sum(p.numel() for p in built.model.parameters())
        told = f"stage {built.number}: {learning:,} of {everything:,} parameters learn"
        self._tell("stage", told, {"steps": built.job.stage.steps})

    def _steps(self, streams: Mapping[str, Feed]) -> str:
        """Take the steps that are left; return why they ended."""
        built, progress = self.built, self.progress
        stage, world = built.job.stage, built.context.world
        assert stage.steps is not None and stage.evaluate is not None
        built.train_modes()  # an evaluation puts the modes back
        while True:
            fraction = self._fraction_done()
            ending = ""
            if fraction >= 1 or progress.step == built.job.until:
                over = f"the time budget of {progress.allowed or 0:.0f} s is used up"
                ending = "all steps done" if progress.step in (stage.steps, built.job.until) else over
            if progress.step > progress.evaluated and (ending or progress.step % stage.evaluate == 0):
                self._evaluate()
            if not ending and stage.patience and progress.evaluations_without_gain >= stage.patience:
                ending = f"no gain in {stage.patience} evaluations"
            if ending or (progress.step and world.from_writer(self.tools.saver.due)):
                self._save()
            stop = built.context.stop
            stop.signal = int(world.most(stop.signal))
            stop.check()
            if ending:
                return ending
            if built.optimiser is None:
                self._solve()
            else:
                self._step(streams, fraction, built.optimiser)

    def _solve(self) -> None:
        """Solve the heads: the one step of a stage that has no others."""
        self.progress.step += 1
        note = solve_heads(self.built)
        self._tell("note", note, {})

    def _step(self, streams: Mapping[str, Feed], fraction: float, optimiser: torch.optim.Optimizer) -> None:
        built, progress = self.built, self.progress
        stage = built.job.stage
        batches = {name: next(stream) for name, stream in streams.items()}
        if any(group.start for group in built.tuning.groups):
            let_learn(built.model, built.tuning, fraction)
            built.train_modes()
        rate = set_rate(optimiser, stage, fraction, progress.gains)
        means, progress.micro_batches = train_step(
            built, batches, step=progress.step, progress=fraction, micro_batches=progress.micro_batches
        )
        with torch.no_grad():
            built.job.objective.after_step(built.model, built.extra)
        built.average.update()
        progress.step += 1
        self.losses.add(progress.step, means, batches)
        if progress.step % LOG_EVERY == 0 or progress.step == stage.steps:
            means = mean_losses(progress.losses + self.losses.take())
            progress.losses = []
            self._log({"lr": rate, "loss": math.fsum(means.values()), "losses": means})
        loss = self.losses.last(wait=built.context.device.type == "cpu")
        self._tell("step", "", {"step": progress.step, "steps": stage.steps, "loss": loss, "lr": rate})

    def _fraction_done(self) -> float:
        """Return how much of the stage is done: by steps, or by time where that runs out first."""
        progress, stage = self.progress, self.built.job.stage
        assert stage.steps is not None
        by_steps = progress.step / stage.steps
        if progress.allowed is None:
            return by_steps
        by_time = (time.monotonic() - self.started) / progress.allowed
        return self.built.context.world.from_writer(max(by_steps, by_time))

    def _evaluate(self) -> None:
        """Score the model by the criterion, and keep it if it is the best."""
        progress = self.progress
        progress.losses += self.losses.take()  # a loss that was not finite must not become the best
        with self.built.average.in_place():
            score = self._score()
            progress.evaluated = progress.step
            if score is None:
                return
            better = score.beats(self.best)
            progress.gains.append(better)
            if better:
                self.best, progress.evaluations_without_gain = score, 0
                progress.best = self._save_best()
            else:
                progress.evaluations_without_gain += 1
        self._log({score.name: score.value if math.isfinite(score.value) else None})
        pools = first_few(self.built.data.measured)
        values = {"step": progress.step, score.name: score.value, "best": better}
        self._tell("evaluation", f"{pools} {score.name} {score.value:.4f}", values)

    def _score(self) -> Score | None:
        """Score the model as it stands; None without a figure."""
        built = self.built
        if not built.data.measured:
            return None
        built.context.world.copy_from_writer(built.model, buffers_only=True)
        score = built.job.criterion.score(built.context.task, built.data.measure())
        told: list[Any] | None = built.context.world.from_writer(None if score is None else list(score))
        return None if told is None else Score(*told)

    def _rescore(self) -> float | None:
        """Score the model as it stands, higher being better; it becomes the best where it is."""
        score = self._score()
        if score is None:
            return None
        if score.beats(self.best):
            self.best = score
        return score.value if score.higher_is_better else -score.value

    def _save_best(self) -> str:
        tensors = model_tensors(self.built.model, self.built.moved)
        return self.tools.saver.save_best(self.built.number, self.progress.step, tensors)

    def _save(self) -> Path | None:
        """Save this step, unless nothing has happened since it was saved or loaded."""
        progress, state = self.progress, self.state
        progress.losses += self.losses.take()
        if not self.built.context.world.is_writer:
            return None
        now = time.monotonic()
        progress.seconds = now - self.started
        tensors, optimiser = pack(self.built)
        plain = {
            "run": state.to_plain() | {"seconds": state.seconds + now - self.resumed_at},
            "stage": asdict(progress),
            "score": None if self.best is None else list(self.best),
            "optimiser": optimiser,
            "updates": self.built.average.updates,
            "log": self.tools.log.position,
        }
        return self.tools.saver.save_step(self.built.number, progress.step, tensors, plain, best=progress.best)

    def _log(self, values: dict[str, Any]) -> None:
        seconds = round(time.monotonic() - self.started, 3)
        self.tools.log.write({"stage": self.built.number, "step": self.progress.step, "seconds": seconds, **values})

    def _tell(self, kind: Any, message: str, values: dict[str, Any]) -> None:
        context = self.built.context
        if context.world.is_writer:
            context.listen(Event(kind, message, {"stage": self.built.number, **values}))
