"""Tasks named in words: `--task NAME=DATA`, and words about the data that hold for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.interface import command_line
from headstart.core.recipe import TASKS, Recipe
from headstart.core.words import crossed, named_tasks, recipe_of
from headstart.selection.wanted import is_open, wanted_of

BOTH = {"mood": "reviews.csv", "topic": None}
OWN = {"tasks.topic.test": 0.1, "tasks.mood.labels": "m"}


def test_a_word_with_an_equals_sign_is_a_task_and_one_without_a_kind() -> None:
    assert named_tasks(["mood=a=b.csv", "regression", "topic=q.csv"]) == (
        "regression",
        {"mood": "a=b.csv", "topic": "q.csv"},
    )
    assert named_tasks(["none"]) == ("none", {}) and named_tasks([]) == (None, {})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mood=a.csv", "mood=b.csv"], r"The task 'mood' is named twice: with a\.csv and with b\.csv"),
        (["my mood=a.csv"], r"--task 'my mood=a\.csv' is not right: a task is NAME=DATA, and its name a word"),
        (["mood="], "--task mood= is not right"),
        (["binary", "none"], "--task names one kind of target, and binary, none are named"),
    ],
)
def test_tasks_that_cannot_be_named_so(words: list[str], said: str) -> None:
    with command_line(), pytest.raises(UsageError, match=said):
        named_tasks(words)


def test_words_about_the_data_hold_for_each_task() -> None:
    recipe = recipe_of({"test": 0.3, "seed": 4}, tasks=BOTH, settings=OWN)
    assert recipe.tasks is not None and recipe.seed == 4 and recipe.data == Recipe().data
    assert {name: (plan.path, plan.test) for name, plan in recipe.tasks.items()} == {
        "mood": ("reviews.csv", 0.3),
        "topic": (None, 0.1),
    }
    assert recipe.tasks["mood"].labels == ("m",)
    again = recipe_of({"group": "who"}, recipe=recipe)
    assert [plan.group for plan in again.plans.values()] == ["who", "who"]


def test_several_tasks_have_an_objective_of_their_own_unless_one_is_named(tmp_path: Path) -> None:
    def objective(recipe: Recipe) -> str:
        return recipe.stages[0].objective.name

    assert TASKS in plugins.names("objectives")
    assert objective(recipe_of({}, tasks=BOTH)) == objective(recipe_of({"steps": 3}, tasks=BOTH)) == TASKS
    assert objective(recipe_of({"objective": "source_only"}, tasks=BOTH)) == "source_only"
    assert objective(recipe_of({}, tasks={"mood": None})) == objective(Recipe()) == "supervised"
    file = tmp_path / "recipe.toml"
    file.write_text('[tasks.mood]\npath = "a.csv"\n[tasks.topic]\npath = "b.csv"\n[[stages]]\nsteps = 5\n')
    recipe = Recipe.read(file)
    assert objective(recipe) == TASKS and recipe.stages[0].steps == 5
    assert objective(recipe_of({"objective": "supervised"}, recipe=file)) == "supervised"


def test_a_cross_validation_leaves_the_tasks_as_they_are() -> None:
    recipe = recipe_of({}, tasks=BOTH)
    assert crossed(recipe, {}, {}) is recipe and crossed(Recipe(), {}, {}).data.test == 0.0


def test_source_and_method_are_not_searched_for_with_several_tasks() -> None:
    recipe = recipe_of({}, tasks=BOTH)
    assert not is_open(recipe) and wanted_of(recipe, None) == (None, recipe)
    with pytest.raises(UsageError, match="these are several tasks: name one source="):
        wanted_of(recipe_of({"budget": 60.0}, tasks=BOTH), None)


def test_the_word_target_names_one_of_several_targets_or_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tasks = recipe_of({"target": "topic"}, tasks=BOTH)
    assert tasks.main == "topic" and not any(plan.target for plan in tasks.plans.values())
    assert tasks.of_task("topic").main is None and recipe_of({}, tasks=BOTH).main is None
    table = recipe_of({"target": "sold", "label": "price,sold"})
    assert table.main == "sold" and table.data.target is None
    named = recipe_of({"target": "price"}, settings={f"data.targets.{name}.labels": name for name in ("price", "sold")})
    assert named.main == "price"
    domain = recipe_of({"target": "paintings", "label": "sort"})
    assert domain.data.target == "paintings" and domain.main is None
    (tmp_path / "paintings").mkdir()
    assert recipe_of({"target": "paintings", "label": "price,sold"}).data.target == "paintings"
    with pytest.raises(UsageError, match=r"one is to count: name one source='NAME', or leave target='sold' away"):
        wanted_of(table, ["package:*"])
    assert is_open(recipe_of({"label": "price,sold"})) and not is_open(table)
