"""Claims of the recipe: TOML and back without loss, and every wrong key named with the nearest right one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.recipe import DataPlan, Recipe, Stage, parse_setting

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
        ("stages.0.warmup", "2", "warmup = 2.0: the share of steps must be at least 0 and at most 1"),
        ("stages.5.lr", "1", "'5' is not a place in a list of 1"),
        ("seed.x", "1", "there is nothing below 'seed'"),
        ("stages.0.batch_size", "0", "batch_size = 0: the number of examples in a step must be at least 1"),
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


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("full", "full", {}),
        ("partial k=2", "partial", {"k": "2"}),
        ("  cut   after='blocks 4'  'pool=a=b' ", "cut", {"after": "blocks 4", "pool": "a=b"}),
        ("timm:resnet18 pretrained=false", "timm:resnet18", {"pretrained": "false"}),
        ("local:my nets/a=b/net", "local:my nets/a=b/net", {}),
        ("local:my nets/it's  net weights=w", "local:my nets/it's  net", {"weights": "w"}),
        ("local:my a=1/net/last part", "local:my a=1/net/last part", {}),
        ("local:C:\\nets\\a", "local:C:\\nets\\a", {}),
    ],
)
def test_a_plugin_is_written_with_its_options(text: str, name: str, options: dict[str, str]) -> None:
    assert Choice.parse(text, "x") == Choice(name, options)


@pytest.mark.parametrize("text", ["", " ", "k=2", "cut after", "partial k=2 more", "cut 'a=b", "a b k=2"])
def test_a_plugin_that_is_not_written_so(text: str) -> None:
    with pytest.raises(UsageError, match=r"surgery: a plug-in is NAME OPTION=VALUE …, for example .*; got"):
        Recipe().with_surgery([text])


def test_an_option_is_given_once() -> None:
    with pytest.raises(UsageError, match="more than once"):
        Choice.parse("partial k=2 k=3", "strategy")


def test_every_place_of_a_recipe_takes_a_plugin_with_its_options() -> None:
    toml = """
    source = "timm:resnet18 pretrained=false"
    head = "mlp hidden=8"
    surgery = ["cut after=layer2", {name = "freeze", layers = "a"}]
    [data]
    reader = "table encoding=latin-1"
    [[stages]]
    strategy = "partial k=2"
    objective = "dann weight=0.5"
    """
    recipe = Recipe.from_toml(toml)
    stage = Stage(strategy=Choice("partial", {"k": "2"}), objective=Choice("dann", {"weight": "0.5"}))
    assert recipe == Recipe(
        data=DataPlan(reader=Choice("table", {"encoding": "latin-1"})),
        source=Choice("timm:resnet18", {"pretrained": "false"}),
        head=Choice("mlp", {"hidden": "8"}),
        surgery=(Choice("cut", {"after": "layer2"}), Choice("freeze", {"layers": "a"})),
        stages=(stage,),
    )
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_a_name_that_looks_like_options_goes_to_toml_and_back() -> None:
    recipe = Recipe().with_settings({"source.name": "local:my x=1"})
    assert recipe.source == Choice("local:my x=1")
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_a_setting_names_a_plugin_with_its_options() -> None:
    recipe = Recipe().with_settings({"stages.0.strategy.head_lr": 3, "stages.0.strategy": "partial k=2"})
    assert recipe.stages[0].strategy == Choice("partial", {"k": "2", "head_lr": 3})
    assert recipe.with_settings({"stages.0.strategy": "partial"}) == recipe
    more = recipe.with_settings({"stages.0.strategy": "partial k=4"})
    assert more.stages[0].strategy == Choice("partial", {"k": "4", "head_lr": 3})
    other = recipe.with_settings({"stages.0.strategy": "layers learn=a", "surgery.0": "cut after=b"})
    assert other.stages[0].strategy == Choice("layers", {"learn": "a"})
    assert other.surgery == (Choice("cut", {"after": "b"}),)
    assert other.with_settings({"surgery.0.pool": "max"}).surgery == (Choice("cut", {"after": "b", "pool": "max"}),)


def test_settings_come_in_any_order() -> None:
    recipe = Recipe().with_settings({"stages.2.lr": 1, "stages.1.strategy.k": 2, "stages.1.strategy.name": "partial"})
    assert [stage.lr for stage in recipe.stages] == [None, None, 1]
    assert recipe.stages[1].strategy == Choice("partial", {"k": 2})


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


def test_what_a_recipe_says_that_says_nothing() -> None:
    assert Recipe().to_plain() == {
        "keep_better": "auto",
        "scratch": "auto",
        "alone": "auto",
        "data": {
            "inputs": [],
            "labels": [],
            "test": 0.15,
            "source_domain": [],
            "target_domain": [],
            "transductive": False,
            "unseen": False,
            "blank_labels": "refuse",
            "skip_bad": False,
        },
        "surgery": [],
        "head": {"name": "linear"},
        "stages": [
            {
                "objective": {"name": "supervised"},
                "accumulate": 1,
                "optimiser": "auto",
                "weight_decay": 0.01,
                "l1": 0.0,
                "l2": 0.0,
                "schedule": "cosine",
                "warmup": 0.1,
                "plateau_looks": 2,
                "plateau_factor": 0.3,
                "ema": 0.0,
                "swad": 0.0,
                "imbalance": "none",
                "clip": 1.0,
                "patience": 5,
            }
        ],
        "refit": "auto",
        "seed": 0,
        "precision": "auto",
        "device": "auto",
        "cache_gb": 10.0,
        "checkpoint": 60.0,
    }


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("source", "timm:resnet18 pretrained=false"),
        ("stages.0.strategy", "partial k=1"),
        ("stages.0.objective", "dann scale=2"),
        ("stages.0.criterion", "validation least=3"),
        ("head", "mlp hidden=7"),
        ("data.reader", "table encoding=latin-1"),
    ],
)
def test_every_setting_that_names_a_plugin_takes_its_options_behind_the_name(path: str, written: str) -> None:
    node: Any = Recipe().with_settings({path: written})
    for key in path.split("."):
        node = node[int(key)] if key.isdecimal() else getattr(node, key)
    name, _, rest = written.partition(" ")
    assert node == Choice(name, dict([rest.split("=")]))
