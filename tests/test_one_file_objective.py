"""An objective or a criterion is one file: UDA, SimCLR with a moving-average teacher, two tasks at once.

Each is dropped into a folder of HEADSTART_PLUGINS and nothing else changes: it trains, is cut off and resumed
bit-identically, under a strategy that moves everything and one that freezes the backbone.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import toys
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import TrainingError, UsageError
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Event, Task
from headstart.data.rows import Dataset
from headstart.engine.job import Outcome
from headstart.inputs.vector import Vector
from headstart.models.model import Head, Model
from headstart.runs.plan import check_shards, make_plan

PLUGINS = Path(__file__).parents[1] / "examples" / "plugins"
STAGE = Stage(steps=4, batch_size=6, lr=1e-2, evaluate=2, patience=0, augment="weak")
PLAIN = dataclasses.replace(STAGE, augment="plain")  # for vectors
UDA_CHOICE = Choice("uda", {"ratio": 2.0, "threshold": 0.4})
CHOICES = {"uda": UDA_CHOICE, "simclr": Choice("simclr"), "two_tasks": Choice("two_tasks")}


@pytest.fixture(autouse=True)
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drop the files in, and do not wait for the disk."""
    monkeypatch.setenv("HEADSTART_PLUGINS", str(PLUGINS))
    monkeypatch.setattr("headstart.core.storage.sync_file", lambda path: None)
    monkeypatch.setattr("headstart.core.storage._sync_folder", lambda path: None)


class Cut(BaseException):
    """The process is gone."""


def two_targets() -> Dataset:
    """Make a data set of vectors whose rows have a class and numbers."""
    one, other = toys.dataset(Vector(6)), toys.dataset(Vector(6), "regression")
    targets = {"first": one.task.target, "second": other.task.target}

    def both(name: str, where: str) -> Any:
        first, second = getattr(one, where)[name], getattr(other, where)[name]
        return dataclasses.replace(first, labels={"first": first.y, "second": second.y})

    pools = {"train": both("train", "pools")}
    splits = {name: both(name, "splits") for name in one.splits}
    return Dataset(Task("vector", ("x",), targets), splits, pools, fingerprint="two")


def two_heads(data: Dataset) -> Model:
    """Put a head for each target on a small network."""
    torch.manual_seed(0)
    tasks = {name: Task("vector", ("x",), {"target": target}) for name, target in data.task.targets.items()}
    heads = {name: Head(torch.nn.Linear(5, task.target.outputs), task.target) for name, task in tasks.items()}
    return Model(toys.tiny(dropout=0.5), heads)


def made(objective: str) -> tuple[Model, Dataset]:
    if objective == "two_tasks":
        data = two_targets()
        return two_heads(data), data
    backbone = toys.source("digits:cnn")
    data = toys.dataset(backbone.card.input)
    return toys.make_model(backbone, data), data


def run(
    folder: Path, objective: str, strategy: str, stage: Stage = STAGE, *, cut_at: int = 0, **options: Any
) -> tuple[dict[str, torch.Tensor], Outcome, list[Event]]:
    model, data = made(objective)
    choice = CHOICES[objective]
    seen: list[Event] = []

    def listen(event: Event) -> None:
        seen.append(event)
        if cut_at and event.kind == "step" and event.values["step"] == cut_at:
            raise Cut

    built = plugins.build("objectives", choice.name, choice.options)
    outcome = toys.train(folder, model, data, strategy, built, stage=stage, checkpoint=0, listen=listen, **options)
    return toys.snapshot(model), outcome, seen


@pytest.mark.parametrize("strategy", ["full", "linear_probe"])
@pytest.mark.parametrize("objective", sorted(CHOICES))
def test_an_objective_of_one_file_trains_and_resumes_bit_identically(
    tmp_path: Path, objective: str, strategy: str
) -> None:
    stage = PLAIN if objective == "two_tasks" else STAGE
    validate = objective != "two_tasks"  # the loss of several targets is theirs to define
    model, _ = made(objective)
    before = toys.snapshot(model)
    if (objective, strategy) == ("simclr", "linear_probe"):  # a contrast over a backbone that is fixed: only `extra`
        before = {}
    whole, outcome, seen = run(tmp_path / "whole", objective, strategy, stage, validate=validate)
    assert not before or any(not torch.equal(before[name], whole[name]) for name in before)
    with pytest.raises(Cut):
        run(tmp_path / "cut", objective, strategy, stage, validate=validate, cut_at=3)
    again, resumed, _ = run(tmp_path / "cut", objective, strategy, stage, validate=validate, resume=True)
    assert {name for name in whole if not torch.equal(whole[name], again[name])} == set()
    assert (outcome.best, outcome.steps) == (resumed.best, resumed.steps)
    constant = any("features are computed once" in event.message for event in seen)
    assert constant == (objective == "two_tasks" and strategy == "linear_probe"), "handed over only where declared"
    evaluated = [event for event in seen if event.kind == "evaluation"]
    assert bool(evaluated) == (objective == "uda")


def test_a_moving_average_teacher_is_resumed_bit_identically_and_never_in_training_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = plugins.load("objectives", "simclr")
    kept: list[torch.nn.Module] = []
    follow = kind.after_step

    def after_step(self: Any, model: Any, extra: Any) -> None:
        assert not torch.is_grad_enabled() and not extra["teacher"].training and extra["projection"].training
        follow(self, model, extra)
        kept.append(extra)

    monkeypatch.setattr(kind, "after_step", after_step)
    model, _ = made("simclr")
    start = toys.snapshot(model.backbone)
    run(tmp_path / "whole", "simclr", "full")
    teacher = toys.snapshot(kept[-1])
    assert len(kept) == STAGE.steps, "once a step"
    assert any(not torch.equal(start[name], teacher[f"teacher.0.{name}"]) for name in start), "it moved"
    with pytest.raises(Cut):
        run(tmp_path / "cut", "simclr", "full", cut_at=3)
    run(tmp_path / "cut", "simclr", "full", resume=True)
    assert all(torch.equal(tensor, toys.snapshot(kept[-1])[name]) for name, tensor in teacher.items())


def test_uda_learns_from_unlabelled_rows(tmp_path: Path) -> None:
    """The streams are what it declares: twice the rows, no labels, two views that differ."""
    kind = plugins.load("objectives", "uda")
    given: list[Any] = []

    @dataclasses.dataclass(frozen=True)
    class Watched(kind):
        def losses(self, model: Any, extra: Any, batches: Any, progress: float) -> Any:
            given.append(batches)
            return super().losses(model, extra, batches, progress)

    model, data = made("uda")
    toys.train(tmp_path, model, data, "full", Watched(ratio=2.0), stage=STAGE)
    batch = given[0]["unlabelled"]
    assert len(given[0]["train"]) == 6 and len(batch) == 12 and batch.labels == {}
    assert set(batch.views) == {"weak", "strong"}
    assert not torch.equal(batch.views["weak"], batch.views["strong"])


@pytest.mark.parametrize("objective", ["supervised", "uda"])
def test_a_criterion_of_one_file_chooses_by_rows_without_labels(tmp_path: Path, objective: str) -> None:
    stage = dataclasses.replace(STAGE, criterion=Choice("information"), evaluate=1)
    model, data = made("uda")
    choice = CHOICES.get(objective, Choice(objective))
    built = plugins.build("objectives", choice.name, choice.options)
    seen: list[Event] = []
    outcome = toys.train(tmp_path, model, data, "full", built, stage=stage, validate=True, listen=seen.append)
    scores = [event.values["information"] for event in seen if event.kind == "evaluation"]
    assert outcome.best is not None and outcome.best.name == "information" and outcome.best.value == max(scores)
    assert len(scores) == STAGE.steps


def test_a_contrast_is_never_cut(tmp_path: Path) -> None:
    data = toys.dataset(Vector(6))
    settings = {"stages.0.objective.name": "simclr", "stages.0.strategy.name": "full"}
    with pytest.raises(
        UsageError, match=r"'simclr' compares the rows .* accumulate = 2 would cut .* Use accumulate = 1"
    ):
        make_plan(Recipe().with_settings({**settings, "stages.0.accumulate": 2}), data)
    plan = make_plan(Recipe().with_settings(settings), data)
    check_shards(plan, 1)
    with pytest.raises(UsageError, match=r"2 processes would divide it, which changes what is minimised. Use one"):
        check_shards(plan, 2)
    kind = plugins.load("objectives", "simclr")

    @dataclasses.dataclass(frozen=True)
    class Hungry(kind):
        def losses(self, model: Any, extra: Any, batches: Any, progress: float) -> Any:
            raise MemoryError

    model, data = made("simclr")
    with pytest.raises(TrainingError, match=r"6 rows .*compares the rows .* smaller batch_size="):
        toys.train(tmp_path, model, data, "full", Hungry(), stage=STAGE)


@pytest.mark.parametrize("strategy", ["bss", "bi_tuning"])
def test_the_batch_of_a_strategy_that_compares_rows_is_never_cut(tmp_path: Path, strategy: str) -> None:
    data = toys.dataset(Vector(6))
    settings = {"stages.0.strategy.name": strategy, "stages.0.steps": 2}
    said = f"The strategy '{strategy}' compares the rows"
    with pytest.raises(UsageError, match=rf"{said} .* accumulate = 2 would cut it"):
        make_plan(Recipe().with_settings({**settings, "stages.0.accumulate": 2}), data)
    plan = make_plan(Recipe().with_settings(settings), data)
    check_shards(plan, 1)
    with pytest.raises(UsageError, match=rf"{said} .* 2 processes would divide it"):
        check_shards(plan, 2)
    hungry = plugins.load("objectives", "supervised")

    @dataclasses.dataclass(frozen=True)
    class Hungry(hungry):
        def losses(self, model: Any, extra: Any, batches: Any, progress: float) -> Any:
            raise MemoryError

    with pytest.raises(TrainingError, match="The strategy compares the rows"):
        toys.train(tmp_path, toys.make_model(toys.tiny(), data), data, strategy, Hungry(), stage=PLAIN)


def test_a_strategy_that_watches_sees_the_labels_of_each_target(tmp_path: Path) -> None:
    """Bi-tuning contrasts the classes of the one target that has some, beside a regression."""
    data = two_targets()
    model = two_heads(data)
    built = plugins.build("objectives", "two_tasks", {})
    outcome = toys.train(tmp_path, model, data, "bi_tuning", built, stage=PLAIN)
    assert outcome.steps == STAGE.steps
    assert all(torch.isfinite(tensor).all() for tensor in toys.snapshot(model).values())


@pytest.mark.parametrize("strategy", ["surgical", "delta", "bss", "lwf", "co_tuning", "feature_distillation"])
def test_strategies_that_look_at_labels_take_two_targets(tmp_path: Path, strategy: str) -> None:
    data = two_targets()
    model = two_heads(data)
    torch.manual_seed(1)
    model.backbone.source_classifier = (torch.randn(4, 5), torch.zeros(4))
    outcome = toys.train(tmp_path, model, data, strategy, "supervised", stage=PLAIN)
    assert outcome.steps == STAGE.steps


def test_supervised_sums_the_losses_of_all_targets() -> None:
    data = two_targets()
    model = two_heads(data).eval()
    rows = data.splits["train"]
    labels = {name: torch.from_numpy(np.asarray(y)) for name, y in rows.labels.items()}
    batch = dataclasses.replace(toys.batch(torch.from_numpy(rows.inputs)), labels=labels)
    objective = plugins.build("objectives", "supervised", {})
    losses = objective.losses(model, objective.modules(model), {"train": batch}, 0.0)
    assert {name: loss.target for name, loss in losses.items()} == {"task:first": "first", "task:second": "second"}


def test_what_is_wrong_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uda, information = ((PLUGINS / file).read_text() for file in ("objectives/uda.py", "criteria/information.py"))
    for kind in ("objectives", "criteria"):
        (tmp_path / "plugins" / kind).mkdir(parents=True)
    monkeypatch.setenv("HEADSTART_PLUGINS", str(tmp_path / "plugins"))
    folder = tmp_path / "plugins" / "objectives"
    (folder / "old_style.py").write_text(uda.replace("(Objective)", "").replace("Uda", "OldStyle"))
    settings = {"stages.0.objective.name": "old_style", "stages.0.strategy.name": "full"}
    with pytest.raises(UsageError, match=r"'old_style' must derive from headstart.core.types.Objective"):
        make_plan(Recipe().with_settings(settings), toys.dataset(Vector(6)))
    (tmp_path / "plugins" / "criteria" / "cheat.py").write_text(information.replace('"unlabelled"', '"test"'))
    with pytest.raises(UsageError, match="'cheat' asks for the test rows"):
        make_plan(Recipe().with_settings({"stages.0.criterion.name": "cheat"}), toys.dataset(Vector(6)))
    (tmp_path / "plugins" / "criteria" / "lost.py").write_text(information.replace('"unlabelled"', '"elsewhere"'))
    with pytest.raises(UsageError, match="'lost' needs rows for elsewhere; the data has train, source, target"):
        make_plan(Recipe().with_settings({"stages.0.criterion.name": "lost"}), toys.dataset(Vector(6)))
