"""Claims of `tasks only=NAME`: one task learns and judges the stage, and the others wait for another one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import toys
from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Stream
from headstart.criteria._target import OfTarget
from headstart.engine.optimisers import SOLVE
from headstart.objectives.tasks import Tasks
from headstart.runs import alone
from headstart.runs.plan import make_plan

DATA = toys.mixed()
STAGE = Stage(steps=4, batch_size=6, lr=1e-2, augment="plain", sharing=Choice("share_weights"))


def test_what_is_another_tasks_own_stays(tmp_path: Path) -> None:
    """The second task goes by copies, the first one by the network's own tensors."""
    for name, other in (("mood", "size"), ("size", "mood")):
        model = toys.make_model(toys.tiny(), DATA)
        toys.train(tmp_path / f"0{name}", model, DATA, "full", Tasks(), stage=STAGE)  # now it is divided
        before = toys.snapshot(model)
        toys.train(tmp_path / name, model, DATA, "full", Tasks(only=name), stage=STAGE)
        moved = toys.moved(before, model)
        heads = {weight.split(".")[1] for weight in moved if weight.startswith("heads.")}
        copies = {weight for weight in moved if "paths" in weight}
        assert heads == {name} and bool(copies) == (name == "size"), (heads, copies, other)
        assert moved - copies - {weight for weight in moved if weight.startswith("heads.")}


def test_the_stage_is_judged_by_the_task_that_learns() -> None:
    stages = tuple(
        Stage(strategy=Choice("full"), objective=Choice("tasks", {"only": name})) for name in ("mood", "size")
    )
    plan = make_plan(Recipe(stages=stages, main="size"), DATA)
    assert [each.target for each in plan.criteria if isinstance(each, OfTarget)] == ["mood", "size"]
    assert plan.objectives[0].streams_in(DATA.pools) == (Stream("task:mood"),)


def test_heads_are_trained_by_steps_so_that_the_others_stay() -> None:
    settings: dict[str, Any] = {"stages.0.strategy": "linear_probe", "stages.0.objective": "tasks"}
    assert make_plan(Recipe().with_settings(settings), DATA).recipe.stages[0].optimiser == SOLVE
    stages = tuple(
        Stage(strategy=Choice("linear_probe"), objective=Choice("tasks", {"only": n})) for n in DATA.task.targets
    )
    assert SOLVE not in {stage.optimiser for stage in make_plan(Recipe(stages=stages), DATA).recipe.stages}


def test_a_task_alone_takes_the_stages_that_learn_it() -> None:
    stages = tuple(dataclasses.replace(STAGE, objective=Choice("tasks", {"only": n})) for n in ("mood", "size"))
    every = (*stages, dataclasses.replace(STAGE, steps=9))
    objectives = (Tasks(only="mood"), Tasks(only="size"), Tasks())
    recipe = alone._recipe(Recipe(stages=every), alone.alone_data(DATA, "size"), objectives)
    assert [(stage.steps, stage.sharing) for stage in recipe.stages] == [(4, None), (9, None)]
    assert make_plan(recipe, alone.alone_data(DATA, "size")).objectives[0].streams_in({}) == (Stream("train"),)


@pytest.mark.parametrize(
    ("objective", "more", "why"),
    [
        ("tasks only=moot", {}, r"There is no task 'moot'\. Did you mean 'mood'"),
        ("tasks only=mood", {}, r"No stage learns size: "),
        ("tasks only=mood", {"stages.0.combine": "upgrad"}, "combines several losses, and 'tasks' has one here"),
    ],
)
def test_what_cannot_be_is_refused(objective: str, more: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        make_plan(Recipe().with_settings({"stages.0.objective": objective, **more}), DATA)


def test_one_task_leaves_nothing_to_sample() -> None:
    for options in ({"alternating": True}, {"sampling": "proportional"}):
        with pytest.raises(UsageError, match="only leaves one task"):
            plugins.build("objectives", "tasks", {"only": "mood", **options})
