"""Claims of the recipe: TOML and back without loss, and every wrong key named with the nearest right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.core.errors import UsageError
from headstart.core.recipe import Choice, DataPlan, Recipe, Stage, parse_setting

FULL = Recipe(
    data=DataPlan(path="d", reader=Choice("table", {"encoding": "latin-1"}), labels=("a", "b"), task="multilabel"),
    source=Choice("timm:resnet18", {"weights": "w.safetensors"}),
    head=Choice("mlp", {"hidden": 64}),
    stages=(Stage(strategy=Choice("linear_probe"), steps=10), Stage(strategy=Choice("partial", {"k": 2}), lr=1e-5)),
    seed=3,
    budget=60.0,
)


@pytest.mark.parametrize("recipe", [Recipe(), FULL])
def test_toml_and_back(recipe: Recipe) -> None:
    assert Recipe.from_toml(recipe.to_toml()) == recipe


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("seeed", "1", "Did you mean 'seed'?"),
        ("stages.0.lrr", "1", "Did you mean 'lr'?"),
        ("data.lables", "a", "Did you mean 'labels'?"),
        ("stages.0.lr", "fast", "the recipe, stages.0, lr: 'fast' is not right"),
        ("stages.0.warmup", "2", "warmup is a share of the steps"),
        ("stages.5.lr", "1", "'5' is not a place in a list of 1"),
        ("seed.x", "1", "there is nothing below 'seed'"),
        ("stages.0.batch_size", "0", "batch_size must be at least 1"),
    ],
)
def test_a_wrong_setting_is_named(path: str, value: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Recipe().with_settings({path: value})
    assert message in str(caught.value)


def test_settings_reach_into_plugins_and_new_stages() -> None:
    recipe = Recipe().with_settings(
        {"stages.0.strategy.name": "partial", "stages.0.strategy.k": "2", "stages.1.lr": "0.1"}
    )
    assert recipe.stages[0].strategy == Choice("partial", {"k": "2"})
    assert recipe.stages[1].lr == 0.1


def test_a_setting_needs_an_equals_sign() -> None:
    assert parse_setting("a.b=c=d") == ("a.b", "c=d")
    with pytest.raises(UsageError, match="PATH=VALUE"):
        parse_setting("seed")


def test_a_recipe_file_that_is_not_there_or_not_toml(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no recipe file"):
        Recipe.read(tmp_path / "r.toml")
    with pytest.raises(UsageError, match="not valid TOML"):
        Recipe.from_toml("seed = ")


def test_another_plugin_takes_no_options_of_the_one_before() -> None:
    recipe = Recipe().with_settings({"stages.0.strategy.name": "partial", "stages.0.strategy.k": 2})
    changed = recipe.with_settings({"stages.0.strategy.head_lr": 5.0, "stages.0.strategy.name": "full"})
    assert changed.stages[0].strategy == Choice("full", {"head_lr": 5.0})
    assert recipe.with_settings({"stages.0.strategy.name": "partial"}) == recipe


def test_epochs_take_the_place_of_steps() -> None:
    planned = Recipe(stages=(Stage(steps=20),))
    assert planned.with_settings({"stages.0.epochs": 3}).stages[0] == Stage(epochs=3)
    with pytest.raises(UsageError, match="not both"):
        planned.with_settings({"stages.0.epochs": 3, "stages.0.steps": 5})


@pytest.mark.parametrize(
    ("path", "value"),
    [("budget", -5), ("budget", "nan"), ("workers", -1), ("checkpoint", "inf")]
    + [(f"stages.0.{name}", value) for name in ("epochs", "lr", "clip") for value in ("nan", "inf", -1)]
    + [("stages.0.epochs", 0)],
)
def test_a_number_out_of_range(path: str, value: object) -> None:
    with pytest.raises(UsageError, match=path.rpartition(".")[2]):
        Recipe().with_settings({path: value})


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read as a recipe file"):
        Recipe.read(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be read as a recipe file"):
        Recipe.read(tmp_path / "file" / "recipe.toml")
