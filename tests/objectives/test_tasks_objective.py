"""Claims of the objective `tasks`: a batch of each task a step, of sizes by rule, or one task after another."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe, Stage
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event, Stream
from headstart.data.pools import with_training
from headstart.data.rows import Dataset
from headstart.engine.job import make_job
from headstart.inputs.vector import Vector
from headstart.objectives.supervised import Supervised
from headstart.objectives.tasks import Tasks
from headstart.runs.plan import make_plan
from headstart.runs.refit import whole

DATA = toys.mixed()
ROWS = {"task:a": range(100), "task:b": range(400), "train": range(500)}


def uneven() -> Dataset:
    """Leave "size" to four rows of sixteen."""
    rows = DATA.splits["train"]
    some = rows.of("size").take(range(4))
    return dataclasses.replace(DATA, pools={**DATA.pools, "task:size": some})


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, [1.0, 1.0]),
        ({"sampling": "proportional"}, [0.4, 1.6]),  # 2 * 100 / 500, 2 * 400 / 500
        ({"sampling": "temperature"}, [2 / 3, 4 / 3]),  # the roots are 10 and 20
        ({"sampling": "temperature", "temperature": 1.0}, [0.4, 1.6]),
        ({"sampling": "proportional", "alternating": True}, [1.0, 1.0]),
    ],
)
def test_each_task_has_a_stream_whose_size_follows_its_rows(options: dict[str, Any], sizes: list[float]) -> None:
    streams = Tasks(**options).streams_in(ROWS)
    assert [stream.pool for stream in streams] == ["task:a", "task:b"]
    assert [stream.size for stream in streams] == pytest.approx(sizes)


def test_a_loss_is_the_mean_over_the_batch_of_its_task() -> None:
    model = toys.make_model(toys.tiny(), DATA)
    batches = {}
    for name in ("mood", "size"):
        rows = DATA.pools[f"task:{name}"].take(range(6))
        batches[f"task:{name}"] = toys.batch(torch.from_numpy(rows.inputs), torch.from_numpy(rows.y), target=name)
    found = Tasks().losses(model, nn.Module(), batches, 0.0)
    assert {name: loss.target for name, loss in found.items()} == {"task:mood": "mood", "task:size": "size"}
    for name, loss in found.items():
        head, batch = model.by_target()[name.removeprefix("task:")], batches[name]
        assert torch.equal(loss.value, head.loss(head(model.features(batch.x)), batch.y))


def test_one_task_alone_is_learnt_as_supervised_does(tmp_path: Path) -> None:
    data, ends = toys.dataset(Vector(6)), []
    for objective in (Tasks(), Supervised()):
        model = toys.make_model(toys.tiny(), data)
        toys.train(tmp_path / str(len(ends)), model, data, "full", objective)
        ends.append(toys.snapshot(model))
    assert all(torch.equal(ends[0][name], tensor) for name, tensor in ends[1].items())


@pytest.mark.parametrize(("sampling", "share"), [("equal", 0.5), ("proportional", 0.8), ("temperature", 2 / 3)])
def test_alternating_draws_one_task_with_its_share_by_the_step(sampling: Any, share: float) -> None:
    made = Tasks(sampling=sampling, alternating=True)
    rows = {"task:a": 100, "task:b": 400}
    turns = [made.turn(rows, seed) for seed in range(3000)]
    assert turns == [made.turn(rows, seed) for seed in range(3000)] and {len(turn) for turn in turns} == {1}
    assert Counter(turns)[("task:b",)] / 3000 == pytest.approx(share, abs=3 * np.sqrt(share * (1 - share) / 3000))
    assert Tasks(sampling=sampling).turn(rows, 0) == ("task:a", "task:b")


def test_where_tasks_alternate_one_learns_a_step_and_each_shows_its_rows_in_turn(tmp_path: Path) -> None:
    """All rows of a task are seen once before any comes again, though it has a batch in some steps only."""
    seen: list[tuple[str, list[str]]] = []
    heads: list[dict[str, torch.Tensor]] = []

    class Watched(Tasks):
        def losses(self, model: Any, extra: Any, batches: Any, progress: float) -> Any:
            ((name, batch),) = batches.items()
            seen.append((name, list(batch.ids)))
            heads.append(toys.snapshot(model.heads))
            return super().losses(model, extra, batches, progress)

    model = toys.make_model(toys.tiny(), DATA)
    stage = Stage(steps=12, batch_size=4, lr=1e-2, augment="plain")
    toys.train(tmp_path, model, DATA, "full", Watched(alternating=True), stage=stage)
    for name in ("task:mood", "task:size"):
        ids = [row for stream, batch in seen for row in batch if stream == name]
        own = DATA.pools[name].ids
        assert len(ids) >= len(own) and set(ids[: len(own)]) == set(own)
    for (name, _), before, after in zip(seen, heads, [*heads[1:], toys.snapshot(model.heads)], strict=True):
        moved = {weight.partition(".")[0] for weight in before if not torch.equal(before[weight], after[weight])}
        assert moved == {name.removeprefix("task:")}


@pytest.mark.parametrize("options", [{}, {"alternating": True, "sampling": "proportional"}])
def test_a_run_that_was_stopped_goes_on_with_the_same_batches(tmp_path: Path, options: dict[str, Any]) -> None:
    data, ends = uneven(), []
    for folder, stops in (("whole", False), ("stopped", True)):
        stage = Stage(steps=9, batch_size=6, lr=1e-2, augment="plain")
        model = toys.make_model(toys.tiny(dropout=0.2), data)
        if stops:
            stop = Stop()

            def listen(event: Event, stop: Stop = stop) -> None:
                if event.kind == "step" and event.values["step"] == 5:
                    stop.signal = 15

            with pytest.raises(Stopped):
                own: Any = {"stage": stage, "stop": stop, "listen": listen}
                toys.train(tmp_path / folder, model, data, "full", Tasks(**options), **own)
            model = toys.make_model(toys.tiny(dropout=0.2), data)
        toys.train(tmp_path / folder, model, data, "full", Tasks(**options), stage=stage, resume=stops)
        ends.append(toys.snapshot(model))
    assert all(torch.equal(ends[0][name], tensor) for name, tensor in ends[1].items())


@pytest.mark.parametrize("accumulate", [2, 3])
@pytest.mark.parametrize("sampling", ["equal", "proportional"])
def test_micro_batches_give_the_same_steps(tmp_path: Path, sampling: Any, accumulate: int) -> None:
    """Also where the pieces of one task are cut otherwise than those of another."""
    data, ends = uneven(), []
    sizes = [stream.rows(10) for stream in Tasks(sampling=sampling).streams_in(data.pools)]
    assert sizes == ([10, 10] if sampling == "equal" else [16, 4])
    for pieces in (1, accumulate):
        model = toys.make_model(toys.tiny(), data)
        stage = Stage(steps=4, batch_size=10, lr=1e-2, accumulate=pieces, augment="plain")
        toys.train(tmp_path / str(pieces), model, data, "full", Tasks(sampling=sampling), stage=stage)
        ends.append(toys.snapshot(model))
    assert all(torch.allclose(ends[0][name], tensor, atol=1e-6) for name, tensor in ends[1].items())


@pytest.mark.parametrize("strategy", ["full", "linear_probe", "partial", "lora", "surgical", "bi_tuning"])
@pytest.mark.parametrize("alternating", [False, True])
def test_strategies_see_the_rows_of_all_tasks(tmp_path: Path, strategy: str, alternating: bool) -> None:
    model = toys.make_model(toys.tiny(), DATA)
    before = toys.snapshot(model.heads)
    stage = Stage(steps=6, batch_size=4, lr=1e-2, augment="plain")
    toys.train(tmp_path, model, DATA, strategy, Tasks(alternating=alternating), stage=stage)
    moved = toys.moved(before, model.heads)
    assert {name.split(".")[0] for name in moved} == {"mood", "size"}


def test_the_heads_of_all_tasks_make_up_for_rare_classes(tmp_path: Path) -> None:
    rows = DATA.splits["train"]
    labels = {"size": rows.labels["size"], "mood": np.where(rows.labels["mood"] == 2, 1, rows.labels["mood"])}
    rows = dataclasses.replace(rows, labels=labels)
    data = dataclasses.replace(DATA, splits={**DATA.splits, "train": rows}, pools=with_training(DATA.pools, rows))
    how = {"stages.0.imbalance": "weights", "stages.0.objective": "tasks", "stages.0.strategy": "full"}
    plan = make_plan(Recipe().with_settings(how), data)
    model = toys.make_model(toys.tiny(), data)
    toys.train(tmp_path, model, data, "full", Tasks(), stage=dataclasses.replace(plan.recipe.stages[0], steps=2))
    head: Any = model.by_target()["mood"]
    assert len(head.output.balance.weights) == 3


def test_validation_rows_that_are_learnt_in_the_end_join_their_tasks() -> None:
    together = whole(DATA)
    assert len(together.pools["task:mood"]) == 16 + int(DATA.splits["validation"].known["mood"].sum())


def test_its_rows_are_in_the_job_and_a_temperature_below_one_is_refused() -> None:
    plan = make_plan(Recipe().with_settings({"stages.0.objective": "tasks"}), DATA)
    chosen = (plan.strategies[0], plan.objectives[0], plan.criteria[0], plan.recipe.stages[0])
    job = make_job(*chosen, DATA, Vector(6))
    assert [(s.name, s.pool) for s in job.streams] == [("task:mood", "task:mood"), ("task:size", "task:size")]
    assert Tasks().streams == (Stream("train"),)
    with pytest.raises(UsageError, match="temperature must be 1 or more"):
        toys.plugins.build("objectives", "tasks", {"temperature": 0.5})


def test_a_rule_has_nothing_to_combine_where_a_step_takes_one_task() -> None:
    settings = {"stages.0.objective": {"name": "tasks", "alternating": True}, "stages.0.combine": "upgrad"}
    with pytest.raises(UsageError, match="takes one task a step here"):
        make_plan(Recipe().with_settings(settings), DATA)
    assert make_plan(Recipe().with_settings({**settings, "stages.0.objective": "tasks"}), DATA)
