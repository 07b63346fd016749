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
from headstart.core.stopping import Paused, Stopped
from headstart.core.types import Batch, Event, Measured, Score
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
from headstart.engine.solve import solve_stage
from headstart.engine.state import Progress, TrainingState, load_model, model_tensors
from headstart.engine.step import train_step
from headstart.models.norms import learning_norms, measure_norms

LOG_EVERY = 10  # steps
LEAST_PASSES = 5  # over the training rows, before patience counts
LEAST_GAIN = 0.005  # of the lowest loss, by which one has to be lower to count as a gain
NOISE = 2.0  # standard errors that a step has to be ahead: as the best of many looks, it is ahead by one through luck
WIND_DOWN = 0.1  # of the steps: in so many the rest of the schedule is run through once patience is used up
ESTIMATE_AFTER, ESTIMATE_FROM = 2.0, 30.0  # seconds of steps that an estimate is made from; the least worth telling


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
        self.looked: Mapping[str, Measured] = {}  # at the last look
        self.best_looked: Mapping[str, Measured] = {}  # of this process
        self.timed: tuple[int, float] | None = None  # a step of this process, and when it was done
        self.estimated = False
        self.once = ""

    def run(self, resumed: Checkpoint | None) -> Mapping[str, Measured]:
        """Train through the stage, from its beginning or from a checkpoint, and leave the model at its best.

        Args:
            resumed: What to go on from.

        Returns:
            What the criterion saw of the model as it stands now, by pool; nothing where it has not been looked at.
        """
        built, state = self.built, self.state
        self._begin(resumed)
        try:
            ending = self._steps(built.data.streams(self.progress.step))
        except Stopped as stopped:
            if self.progress.step:
                stopped.saved = str(self._save() or "")
            if isinstance(stopped, Paused):
                stopped.score = Score.from_plain(self.progress.last)
                stopped.looked = {name: each.outputs for name, each in self.looked.items()}
            raise
        kept, chosen = self._choose()
        check_frozen(built.model, built.frozen)
        chose_more = built.tuning.select is not None and bool(built.data.measured)
        state.kept.append(None if chose_more else kept)
        state.levelled.append(self.progress.levelled)
        state.solved.append(self.progress.solved)
        state.once.append(self.once)
        if built.tuning.select is not None:
            ending += f"; {built.tuning.select(self._rescore)}"
        state.moved |= built.moved
        built.data.release()
        if built.tuning.merge is not None:
            built.tuning.merge()
            state.moved |= set(built.model.state_dict())  # a merge may write to any of them
        if told := built.job.objective.told(built.model, built.extra):
            self._tell("note", told, {})
        if built.optimiser is not None:
            self._tell("detail", f"{built.job.name} ended at step {self.progress.step:,}: {ending}{chosen}", {})
        state.best = self.best
        state.taken += self.progress.step
        state.endings.append(ending)
        changed = built.tuning.select is not None or built.tuning.merge is not None
        return {} if changed else self.looked

    def _begin(self, resumed: Checkpoint | None) -> None:
        """Put back what was saved, or make the stage's own start the one to beat."""
        built = self.built
        if told := built.data.choose_rows():
            self._tell("note", told, {})
        if built.data.freeze_features():
            self.once = "the backbone is constant: its features are computed once"
        else:
            built.train_modes()
            self.once = built.data.keep_constant(built.tuning)
        if self.once:
            self._tell("detail", self.once, {})
        if resumed is not None:
            self.progress, self.best = restore(built, resumed)
        else:
            check_room(built)
            if self.best is not None:  # what the strategy prepared may answer otherwise than the stage before
                start = self._score()
                self.best = start if start is not None and not start.undecided and start.beats(None) else None
                self.progress.best = None if self.best is None else self._save_best()
                self.best_looked = self.looked
        self.started = time.monotonic() - self.progress.seconds
        self.resumed_at = time.monotonic()
        learning = sum(p.numel() for p in built.model.parameters() if p.requires_grad)
        everything = sum(p.numel() for p in built.model.parameters())
        told = f"{built.job.name}: {learning:,} of {everything:,} parameters learn"
        self._tell("stage", told, {"steps": built.job.stage.steps})

    def _steps(self, streams: Mapping[str, Feed[Batch]]) -> str:
        """Take the steps that are left; return why they ended."""
        built, progress = self.built, self.progress
        stage, world = built.job.stage, built.context.world
        assert stage.steps is not None and stage.evaluate is not None
        built.train_modes()  # an evaluation puts the modes back
        while True:
            fraction = self._fraction_done()
            ending = ""
            if fraction >= 1 or progress.step == built.job.until or built.average.over:
                over = f"the time budget of {progress.allowed or 0:.0f} s is used up"
                done = progress.step in (stage.steps, built.job.until)
                risen = "the validation loss has risen" if built.average.over else ""
                ending = "all steps done" if done else risen or self._levelled() or over
            if progress.step > progress.evaluated and (ending or progress.step % stage.evaluate == 0):
                self._evaluate(fraction)
            if stage.patience and progress.evaluations_without_gain >= stage.patience and progress.levelled is None:
                progress.levelled = (progress.step, fraction)
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
        note, self.progress.solved = solve_stage(self.built)
        self._tell("detail", note, {})

    def _step(self, streams: Mapping[str, Feed[Batch]], fraction: float, optimiser: torch.optim.Optimizer) -> None:
        built, progress = self.built, self.progress
        stage = built.job.stage
        batches = {name: next(streams[name]) for name in built.data.turn(progress.step)}
        if any(group.start for group in built.tuning.groups):
            let_learn(built.model, built.tuning, fraction)
            built.train_modes()
        rate = set_rate(optimiser, stage, fraction, progress.gains)
        means, progress.micro_batches = train_step(
            built, batches, step=progress.step, progress=fraction, micro_batches=progress.micro_batches
        )
        with torch.no_grad():
            built.context.world.add_up(built.job.objective.summed(built.extra))
            built.job.objective.after_step(built.model, built.extra)
        built.average.update()
        progress.step += 1
        self.losses.add(progress.step, means, batches)
        if progress.step % LOG_EVERY == 0 or progress.step == stage.steps:
            means = mean_losses(progress.losses + self.losses.take())
            progress.losses = []
            self._log({"lr": rate, "loss": math.fsum(means.values()), "losses": means})
        self._estimate()
        loss = self.losses.last(wait=built.context.device.type == "cpu")
        self._tell("step", "", {"step": progress.step, "steps": stage.steps, "loss": loss, "lr": rate})

    def _fraction_done(self) -> float:
        """Return how much of the stage is done: by steps, or by time where that runs out first."""
        progress, stage = self.progress, self.built.job.stage
        assert stage.steps is not None
        by_steps = progress.step / stage.steps
        if progress.levelled is not None and progress.step >= progress.levelled[0]:  # of a refit it lies ahead
            step, fraction = progress.levelled
            done = (progress.step - step) / math.ceil(WIND_DOWN * stage.steps)
            by_steps = max(by_steps, fraction + (1 - fraction) * done)
        if progress.allowed is None:
            return by_steps
        by_time = (time.monotonic() - self.started) / progress.allowed
        return self.built.context.world.from_writer(max(by_steps, by_time))

    def _levelled(self) -> str:
        """Say where patience was used up; "" where it was not."""
        levelled = self.progress.levelled
        patience = self.built.job.stage.patience
        return "" if levelled is None else f"no gain in {patience} evaluations up to step {levelled[0]}"

    def _evaluate(self, fraction: float) -> None:
        """Score the model by the criterion, and keep it unless an earlier step is better: of equal ones the later."""
        progress = self.progress
        progress.losses += self.losses.take()  # a loss that was not finite must not become the best
        with self.built.average.in_place():
            score = self._score()
            self.built.average.look(None if score is None else score.validation_loss)
            progress.evaluated = progress.step
            progress.last = None if score is None else score.to_plain()
            if score is None:
                return
            best = math.isfinite(score.value) and not score.undecided
            best = best and not (self.best is not None and self.best.beats(score))
            if not score.undecided:
                self._count(score, fraction)
            if best:
                self.best, self.best_looked = score, self.looked
                progress.best = self._save_best()
        losses = {} if score.loss is None or not math.isfinite(score.loss) else {"validation_loss": score.loss}
        self._log({score.name: score.value if math.isfinite(score.value) else None, **losses})
        pools = first_few(self.built.data.measured)
        values = {"step": progress.step, score.name: score.value, "best": best}
        self._tell("evaluation", f"{pools} {score.name} {score.value:.4f}", values)

    def _count(self, score: Score, fraction: float) -> None:
        """Count for patience: a gain is a better value or a lower loss; the warm-up and the first passes do not count.

        Called before the score may become the best.
        """
        progress, stage, lowest = self.progress, self.built.job.stage, self.progress.lowest_loss
        lower = score.loss is not None and (lowest is None or score.loss < lowest - LEAST_GAIN * abs(lowest))
        gain = lower or self.best is None or score.ahead_of(self.best) > 0
        if lower:
            progress.lowest_loss = score.loss
        progress.gains.append(gain)
        if gain:
            progress.evaluations_without_gain = 0
        elif fraction >= stage.warmup and progress.step >= LEAST_PASSES * self.built.data.epoch:
            progress.evaluations_without_gain += 1

    def _choose(self) -> tuple[int | None, str]:
        """Leave the model at the best step where that is ahead by more than noise, else at the last; say which, why.

        Where the validation loss chose steps to average, it is left at their mean, and no step is given.
        """
        built, progress, best = self.built, self.progress, self.best
        if (window := built.average.window()) is not None:
            built.average.apply()
            built.train_modes()
            if norms := learning_norms(built.model.backbone):
                measure_norms(norms, built.model.backbone, built.data.survey())
            self.best = self._score()
            return None, f"; the mean of the weights after the steps {window[0]:,} to {window[1]:,} is taken"
        if built.job.stage.swad:
            self._tell("note", "swad: nothing is averaged, as the validation loss fell to the end", {})
        last = Score.from_plain(progress.last)
        if progress.best is None or best is None:
            built.average.apply()
            few = f"; the last step counts: {last.undecided}" if last is not None and last.undecided else ""
            return progress.step, few
        step = int(progress.best.rpartition("-")[2])
        beside = ""
        if step < progress.step and last is not None and math.isfinite(last.value):
            ahead, noise = best.ahead_of(last), NOISE * best.noise_beside(last)
            beside = f"{best.name} {best.value:.4f} at step {step}, {last.value:.4f} at the last one"
            if ahead <= noise:
                self.best = last
                built.average.apply()
                within = f"; the last step counts: {beside}, which is within two standard errors ({noise:.4f})"
                return progress.step, within
            beside = f": {beside}, more than two standard errors ({noise:.4f})"
        self.looked = self.best_looked
        if built.context.world.is_writer:
            load_model(built.model, self.tools.saver.load_best(progress.best))
        built.context.world.copy_from_writer(built.model)
        return step, f"; step {step:,} is taken{beside}" if step < progress.step else "; the last step is the best"

    def _score(self) -> Score | None:
        """Score the model as it stands; None without a figure."""
        built = self.built
        if not built.data.measured:
            return None
        built.context.world.copy_from_writer(built.model, buffers_only=True)
        self.looked = built.data.measure()
        score = built.job.criterion.score(built.context.task, self.looked)
        return Score.from_plain(built.context.world.from_writer(None if score is None else score.to_plain()))

    def _rescore(self) -> float | None:
        """Score the model as it stands, higher being better; it becomes the best where it is."""
        score = self._score()
        if score is None or score.undecided:
            return None
        if score.beats(self.best):
            self.best = score
        return score.value if score.higher_is_better else -score.value

    def _estimate(self) -> None:
        """Tell once how long the steps that are left will take, by the first ones but the very first."""
        now, steps = time.monotonic(), self.built.job.stage.steps or 0
        if self.timed is None:
            self.timed = (self.progress.step, now)
        began, since = self.timed
        taken = self.progress.step - began
        if self.estimated or not taken or now - since < ESTIMATE_AFTER:
            return
        self.estimated = True
        left = (now - since) / taken * (steps - self.progress.step)
        if self.progress.allowed is None and left >= ESTIMATE_FROM:
            words = f"about {left / 60:.0f} minutes" if left >= 90 else f"about {left:.0f} seconds"
            self._tell("note", f"{words} for the {steps - self.progress.step:,} steps that are left, at most", {})

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
            "score": None if self.best is None else self.best.to_plain(),
            "optimiser": optimiser,
            "combined": [] if self.built.combiner is None else self.built.combiner.names,
            "updates": self.built.average.pack()[1],
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
