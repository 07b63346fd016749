"""The training loop: the only one. Every strategy and objective goes through it, stage by stage, and any start."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import torch

from headstart.core import storage
from headstart.core.seeding import seed_torch
from headstart.core.types import Event, Measured
from headstart.engine import checkpoint
from headstart.engine.build import build
from headstart.engine.checkpoint import Checkpoint
from headstart.engine.feed import Workers
from headstart.engine.job import Job, Outcome, RunContext
from headstart.engine.log import Log
from headstart.engine.machine import keep_memory, place
from headstart.engine.proof import fingerprints, in_words, what_moved
from headstart.engine.saver import Saver
from headstart.engine.stage import StageRun, Tools
from headstart.engine.state import Progress, TrainingState, load_start, start_tensors
from headstart.models.model import Model


def fit(model: Model, jobs: list[Job], context: RunContext) -> Outcome:
    """Train a model through all jobs; it ends with the weights that were best by the last one's criterion.

    With `context.resume` it goes on from the newest whole checkpoint, and ends with the very same
    weights as if it had not been stopped.

    Args:
        model: The model as the source gave it, with a new head. It is changed in place and moved to the device.
        jobs: The recipe's stages.
        context: Where and how to train.

    Returns:
        How it went.

    Raises:
        TrainingError: A loss is not finite, a frozen parameter moved, or memory does not suffice.
        StorageError: There is no room for checkpoints, or another version wrote them.
        Stopped: The run was asked to stop; the last step is saved.
    """
    keep_memory()
    started = time.monotonic()
    before = fingerprints(model)
    with torch.random.fork_rng(devices=[]), context.stop.between_steps():
        log = Log(context.folder / "metrics.jsonl", silent=not context.world.is_writer)
        saved = _find(context, log, [job.name for job in jobs])
        saver = Saver(
            context.folder / "checkpoints",
            every=context.checkpoint,
            listen=context.listen,
            found=saved,
            writer=context.world.is_writer,
        )
        tools = Tools(log, saver, Workers(context.workers, lambda text: context.listen(Event("warning", text))))
        state = TrainingState() if saved is None else TrainingState.from_plain(saved.state["run"])
        place(model, context.device)
        if saved is not None:
            _go_back(model, jobs, context, state, saved)
        earlier = state.seconds
        looked: Mapping[str, Measured] = {}
        while state.stage < len(jobs):
            number = state.stage
            state.seconds = earlier + time.monotonic() - started
            left = None if context.budget is None else context.world.from_writer(context.budget - state.seconds)
            resumed = saved if saved is not None and "stage" in saved.state else None
            if resumed is None and left is not None and left <= 0:
                state.endings.append("not started: the time budget is used up")
                state.kept.append(0)
                state.levelled.append(None)
                state.solved.append({})
                state.once.append("")
                state.stage += 1
                saved = None
                continue
            if number and saved is None:
                start = {"run": state.to_plain(), "log": log.position}
                saver.save_start(number, start_tensors(model, state.moved), start)
            built = build(model, jobs[number], context, tools.workers, number, state.moved)
            allowed = _allowed(left, jobs[number:])
            progress = Progress(jobs[number].stage.accumulate, allowed, levelled=jobs[number].levelled)
            looked = StageRun(built, tools, state, progress).run(resumed)
            saved = None
            state.stage += 1
    proof = what_moved(model, before)
    if context.world.is_writer:
        context.listen(Event("detail", in_words(proof), {"moved": proof}))
    seconds = earlier + time.monotonic() - started
    lists = {name: tuple(getattr(state, name)) for name in ("endings", "kept", "levelled", "solved", "once")}
    return Outcome(
        state.best,
        state.taken,
        seconds,
        moved=proof,
        **lists,
        looked={name: each.outputs for name, each in looked.items()},
    )


def _find(context: RunContext, log: Log, names: Sequence[str]) -> Checkpoint | None:
    """Find the checkpoint to go on from, and clear away what does not belong to it."""
    folder = context.folder / "checkpoints"
    found = None
    if context.world.is_writer:
        storage.sweep(folder)
        found = (
            checkpoint.latest(folder, lambda text: context.listen(Event("warning", text))) if context.resume else None
        )
        checkpoint.keep_only(folder, [] if found is None else [found.path.name, *found.state["needs"]])
    name = context.world.from_writer(None if found is None else found.path.name)
    if name is None:
        log.cut(0)
        return None
    found = found or checkpoint.load(folder / name)
    log.cut(found.state["log"])
    name, step = names[found.state["run"]["stage"]], found.state.get("stage", {}).get("step", 0)
    context.listen(Event("note", f"going on: {name} from step {step:,}"))
    return found


def _go_back(model: Model, jobs: Sequence[Job], context: RunContext, state: TrainingState, saved: Checkpoint) -> None:
    """Bring the model to where the stage started: modules that earlier stages inserted, then the weights."""
    for number, job in enumerate(jobs[: state.stage]):
        seed_torch(context.seed, "stage", number)
        tuning = job.prepare(model)
        if tuning.merge is not None:
            tuning.merge()
    place(model, context.device)
    if state.stage:
        start = checkpoint.load(context.folder / "checkpoints" / f"start-{state.stage}")
        load_start(model, start.parts)


def _allowed(left: float | None, jobs: Sequence[Job]) -> float | None:
    """Return the first job's time, where the time that is left is divided among the jobs by their steps."""
    steps = [job.stage.steps or 0 for job in jobs]
    return None if left is None else left * steps[0] / sum(steps)
