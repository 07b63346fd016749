"""The training loop: the only one. Every strategy and objective goes through it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from headstart.core.seeding import mix
from headstart.core.stopping import Stopped
from headstart.core.types import Batch, Event, ParamGroup, Tuning
from headstart.data.streams import BatchStream
from headstart.data.transforms import make_transform
from headstart.engine import checkpoint
from headstart.engine.averaging import Average
from headstart.engine.job import Examples, Job, Outcome, Score, Surroundings
from headstart.engine.machine import keep_memory, place
from headstart.engine.optimisers import make_optimiser, set_rate
from headstart.engine.predict import embed, predict
from headstart.engine.step import train_step
from headstart.engine.survey import survey
from headstart.features.frozen import FeatureTransform, backbone_is_constant, frozen_rows
from headstart.models.model import Model

LOG_EVERY = 10  # steps


def fit(model: Model, jobs: list[Job], around: Surroundings) -> Outcome:
    """Train a model through all jobs; it ends with the weights that were best on validation.

    Args:
        model: Is changed in place and moved to the device.
        jobs: The recipe's stages.
        around: Where and how to train.

    Returns:
        How it went.

    Raises:
        TrainingError: A loss is not finite.
        Stopped: The run was asked to stop; the last step is saved.
    """
    keep_memory()
    started = time.monotonic()
    moved: set[str] = set()
    best: Score | None = None
    endings: list[str] = []
    taken = 0
    with torch.random.fork_rng(devices=[]):
        for number, job in enumerate(jobs):
            left = None if around.budget is None else around.budget - (time.monotonic() - started)
            if left is not None and left <= 0:
                endings.append("not started: the time budget is used up")
                continue
            steps_left = sum(j.stage.steps or 0 for j in jobs[number:])
            seconds = None if left is None else left * (job.stage.steps or 0) / steps_left
            stage = _Stage(model, job, around, number, seconds, moved, best)
            best = stage.run()
            taken += stage.taken
            endings.append(stage.ending)
    return Outcome(best, taken, time.monotonic() - started, tuple(endings))


class _Stage:
    """One stage while it runs."""

    def __init__(
        self,
        model: Model,
        job: Job,
        around: Surroundings,
        number: int,
        seconds: float | None,
        moved: set[str],
        best: Score | None,
    ) -> None:
        self.model, self.job, self.around, self.number, self.seconds = model, job, around, number, seconds
        self.moved = moved
        self.best, self.best_path = best, None
        self.taken = 0
        self.ending = "all steps done"
        self.looks_without_gain = 0
        self.gains: list[bool] = []  # of each look, whether it was the best so far: the schedule "plateau" follows them

    def run(self) -> Score | None:
        """Train through the stage and leave the model at its best."""
        self.started = time.monotonic()
        torch.manual_seed(mix(self.around.seed, "stage", self.number))
        self.tuning = self.job.strategy.prepare(self.model)
        let_learn(self.model, self.tuning)
        place(self.model, self.around.device)
        self.extra = place(self.job.objective.modules(self.model), self.around.device)
        self.moved |= {name for name, p in self.model.named_parameters() if p.requires_grad}
        self._rebalance()
        extra_group = ParamGroup(list(self.extra.parameters()), self._head_scale())
        self.optimiser = make_optimiser([*self.tuning.groups, extra_group], self.job.stage)
        learning = [p for group in self.tuning.groups for p in group.params]
        self.average = Average(self.model, learning, self.job.stage.ema)
        streams, self.validation = self._examples()
        if self.tuning.survey is not None:
            self.tuning.survey(self._survey)
        if self.best is not None:
            self._save()  # where this stage starts is the score to beat
        self._tell("stage", f"stage {self.number}: {self._learning()}", {"steps": self.job.stage.steps})
        try:
            self._steps(streams)
        except Stopped as stopped:
            if self.taken:
                with self.around.stop.between_steps():
                    path = self._save()
                stopped.saved = str(path)
            raise
        if self.best_path is not None:
            self._load(self.best_path)
        else:
            self.average.settle()
        if self.tuning.settle is not None:
            self.tuning.settle(self._judge)
        if self.tuning.merge is not None:
            self.tuning.merge()
        return self.best

    def _steps(self, streams: dict[str, Iterator[Batch]]) -> None:
        stage, stop = self.job.stage, self.around.stop
        assert stage.steps is not None and stage.evaluate is not None
        log: list[dict[str, float]] = []
        while self.taken < stage.steps:
            stop.check()
            progress = self._progress()
            if progress >= 1:
                self.ending = f"the time budget of {self.seconds:.0f} s is used up"
                break
            batches = {name: next(stream) for name, stream in streams.items()}
            self.model.train_learning()
            self.extra.train()
            with stop.between_steps():
                rate = set_rate(self.optimiser, stage, progress, self.gains)
                key = (self.number, self.taken)
                losses = train_step(
                    self.model,
                    self.extra,
                    self.tuning,
                    self.optimiser,
                    self.job,
                    self.around,
                    batches,
                    key=key,
                    progress=progress,
                )
                self.average.update()
                self.taken += 1
            log.append(losses)
            self._tell("step", "", {"step": self.taken, "steps": stage.steps, "loss": sum(losses.values())})
            if self.taken % LOG_EVERY == 0 or self.taken == stage.steps:
                means = {name: math.fsum(entry[name] for entry in log) / len(log) for name in losses}
                self._log({"lr": rate, "loss": math.fsum(means.values()), "losses": means})
                log.clear()
            if (self.taken % stage.evaluate == 0 or self.taken == stage.steps) and not self._look():
                self.ending = f"no gain on validation in {stage.patience} looks"
                break
        else:
            return
        if self.taken % stage.evaluate:
            self._look()

    def _progress(self) -> float:
        """Share of the stage that is done: by steps, or by time where that runs out first."""
        assert self.job.stage.steps is not None
        by_steps = self.taken / self.job.stage.steps
        by_time = 0.0 if self.seconds is None else (time.monotonic() - self.started) / self.seconds
        return max(by_steps, by_time)

    def _look(self) -> bool:
        """Score the model on validation, keep it if it is the best; return whether to go on."""
        if self.validation is None:
            return True
        with self.average.in_place():
            score = self._score(self.validation)
            better = score.beats(self.best)
            self.gains.append(better)
            self._log({score.name: score.value})
            self._tell(
                "evaluation",
                f"validation {score.name} {score.value:.4f}",
                {"step": self.taken, score.name: score.value, "best": better},
            )
            if better:
                self.best, self.looks_without_gain = score, 0
                with self.around.stop.between_steps():
                    self._save()
            else:
                self.looks_without_gain += 1
        return not self.job.stage.patience or self.looks_without_gain < self.job.stage.patience

    def _score(self, validation: Examples) -> Score:
        predictions = predict(
            self.model, *validation, workers=self._workers(validation), precision=self.around.precision
        )
        return self.around.score(predictions)

    def _judge(self) -> float | None:
        """Score the model as it stands, higher being better; it becomes the best where it is."""
        if self.validation is None:
            return None
        score = self._score(self.validation)
        if score.beats(self.best):
            self.best = score
        return score.value if score.higher_is_better else -score.value

    def _rebalance(self) -> None:
        """Tell the head how to make up for rare classes, by the counts of the labelled rows that it learns from."""
        targets = self._labelled().rows.targets
        assert targets is not None
        self.model.head.output.rebalance(self.job.stage.imbalance, targets)

    def _labelled(self) -> Examples:
        """Give the rows of the objective's first labelled stream."""
        return next(self.job.training[stream.name] for stream in self.job.objective.streams if stream.labelled)

    def _survey(self) -> Iterator[Batch]:
        examples = Examples(self._labelled().rows, make_transform(self.model.backbone.card.input))
        return survey(self.model, examples, workers=self._workers(examples))

    def _examples(self) -> tuple[dict[str, Iterator[Batch]], Examples | None]:
        """Make the streams and the validation rows; features take the place of examples where the backbone is a constant."""
        training, validation = dict(self.job.training), self.around.validation
        assert self.job.stage.augment is not None
        if backbone_is_constant(self.model, self.job.stage.augment):
            self._tell("note", "the backbone is constant: its features are computed once", {})
            computed: dict[int, Examples] = {}
            for name, examples in training.items():
                if id(examples.rows) not in computed:
                    computed[id(examples.rows)] = self._freeze(examples)
                training[name] = computed[id(examples.rows)]
            validation = None if validation is None else self._freeze(validation)
        streams = {
            stream.name: BatchStream(
                training[stream.name].rows,
                training[stream.name].transform,
                stream=stream,
                batch_size=self.job.stage.batch_size,
                seed=mix(self.around.seed, "stream", self.number),
                workers=self._workers(training[stream.name]),
                balanced=stream.labelled and self.job.stage.imbalance == "sampler",
            ).batches()
            for stream in self.job.objective.streams
        }
        return streams, validation

    def _freeze(self, examples: Examples) -> Examples:
        values = embed(self.model, *examples, workers=self._workers(examples), precision=self.around.precision)
        return Examples(frozen_rows(examples.rows, values), FeatureTransform())

    def _workers(self, examples: Examples) -> int:
        return 0 if isinstance(examples.transform, FeatureTransform) else self.around.workers

    def _save(self) -> Path:
        buffers = {name for name, _ in self.model.named_buffers()}
        tensors = {name: t for name, t in self.model.state_dict().items() if name in self.moved or name in buffers}
        folder = self.around.folder / "checkpoints"
        path = folder / f"step-{self.number}-{self.taken:07d}"
        if not path.exists():
            state = {
                "stage": self.number,
                "step": self.taken,
                "best": None if self.best is None else self.best._asdict(),
            }
            checkpoint.save(path, tensors, state)
        checkpoint.keep_only(folder, path)
        self.best_path = path
        return path

    def _load(self, path: Path) -> None:
        tensors, _ = checkpoint.load(path)
        self.model.load_state_dict({**self.model.state_dict(), **tensors})

    def _head_scale(self) -> float:
        return max(group.lr_scale for group in self.tuning.groups)

    def _learning(self) -> str:
        learning = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        everything = sum(p.numel() for p in self.model.parameters())
        return f"{learning:,} of {everything:,} parameters learn"

    def _log(self, values: dict[str, Any]) -> None:
        entry = {
            "stage": self.number,
            "step": self.taken,
            "seconds": round(time.monotonic() - self.started, 3),
            **values,
        }
        with (self.around.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def _tell(self, kind: Any, message: str, values: dict[str, Any]) -> None:
        self.around.listen(Event(kind, message, {"stage": self.number, **values}))


def let_learn(model: nn.Module, tuning: Tuning) -> None:
    """Let exactly the tuning's parameters learn."""
    learning = {id(p) for group in tuning.groups for p in group.params}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in learning)
