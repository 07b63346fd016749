"""Classes in a tree: each under a parent, whose probability is the sum of those of its classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import headstart as hs
from headstart.core.choice import Choice
from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan, TargetPlan
from headstart.core.types import kind_of
from headstart.data.read import read
from headstart.targets.tree import Tree

PETS = Tree(("kind",), ("car", "cat", "dog", "van"), ("vehicle", "pet", "pet", "vehicle"), "group")


def frame(rows: list[tuple[Any, Any]]) -> pd.DataFrame:
    numbers = np.random.default_rng(0).normal(size=(len(rows), 2))
    made = pd.DataFrame({"x": numbers[:, 0], "z": numbers[:, 1]})
    return made.assign(kind=[row[0] for row in rows], group=[row[1] for row in rows])


CELLS = [("cat", "pet"), ("dog", "pet"), ("car", "vehicle"), ("van", "vehicle")] * 10
PLAN = DataPlan(labels=("kind",), parents="group")


@pytest.mark.parametrize(
    "plan",
    [
        PLAN,
        DataPlan(labels=("kind", "group"), task="tree"),
        DataPlan(targets={"target": TargetPlan(("kind",), parents="group")}),
    ],
)
def test_a_column_of_parents_makes_a_tree(plan):
    data = read(frame(CELLS), plan)
    target: Any = data.task.target
    assert (target.classes, target.parents, target.tops) == (PETS.classes, PETS.parents, ("pet", "vehicle"))
    assert data.task.inputs == ("x", "z")
    assert any("4 classes (car, cat, dog, van) under 2 parents (pet, vehicle), read as tree" in n for n in data.notes)


def test_a_tree_stands_beside_another_target():
    plan = DataPlan(inputs=("x",), targets={"kind": TargetPlan(("kind",), parents="group"), "size": TargetPlan(("z",))})
    kinds = {name: kind_of(target) for name, target in read(frame(CELLS), plan).task.targets.items()}
    assert kinds == {"kind": "tree", "size": "regression"}


def test_a_parent_of_one_class_is_told():
    data = read(frame([*CELLS, *[("oak", "plant")] * 5]), PLAN)
    assert any("3 parents (pet, plant, vehicle; of one class only: plant)" in note for note in data.notes)


@pytest.mark.parametrize(
    ("rows", "plan", "said"),
    [
        ([*CELLS, ("cat", "vehicle")], PLAN, r"A class has one parent:(.|\n)*class 'cat' is under 'vehicle' here"),
        ([*CELLS, ("cat", None)], PLAN, r"Parents are missing:(.|\n)*has no parent \(column 'group'\)"),
        ([(kind, "thing") for kind, _ in CELLS], PLAN, "column 'group' has only one class"),
        (
            CELLS,
            DataPlan(labels=("kind",), task="tree"),
            "a column of classes and one of their parents; named are kind",
        ),
        (CELLS, DataPlan(labels=("kind",), parents="groop"), "groop.*group"),
        (CELLS, DataPlan(labels=("kind",), parents="group", task="multiclass"), "one label column"),
    ],
)
def test_bad_trees_are_refused(rows, plan, said):
    with pytest.raises((DataError, UsageError), match=said):
        read(frame(rows), plan)


def test_another_parent_in_the_test_rows_is_refused_and_none_is_fine():
    train, test = frame(CELLS), frame([("cat", "vehicle"), ("dog", "pet")])
    with pytest.raises(DataError, match="is under 'vehicle'; 'cat' was under 'pet'"):
        read({"train": train, "test": test}, PLAN)
    assert len(read({"train": train, "test": test.drop(columns="group")}, PLAN).splits["test"]) == 2


def save(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(path)


@pytest.mark.parametrize("split", ["", "train/"])
def test_folders_of_parents_hold_folders_of_classes(tmp_path, split):
    for number, (kind, group) in enumerate([*CELLS, *[("other", "pet"), ("other", "vehicle")] * 9]):
        save(tmp_path / f"{split}{group}/{kind}/{number}.png", number)
    data = read(tmp_path, DataPlan(task="tree"))
    target: Any = data.task.target
    names = ("pet/cat", "pet/dog", "pet/other", "vehicle/car", "vehicle/other", "vehicle/van")
    assert (target.classes, target.parents) == (names, ("pet",) * 3 + ("vehicle",) * 3)
    assert read(tmp_path, DataPlan()).task.classes == ("pet", "vehicle"), "unasked, the first folders are the classes"
    assert read(tmp_path, DataPlan(parents="parent", reader=Choice("image_folder"))).task == data.task
    save(tmp_path / f"{split}pet/9.png", 99)
    with pytest.raises(DataError, match=r"pet/9\.png: lies outside the class folders"):
        read(tmp_path, DataPlan(task="tree"))
    (tmp_path / f"{split}pet/9.png").unlink()
    save(tmp_path / f"{split}plant/99.png", 99)
    with pytest.raises(DataError, match=r"plant/99\.png: has no parent"):
        read(tmp_path, DataPlan(task="tree"))


@pytest.mark.slow
@pytest.mark.parametrize("head", ["linear", "tree"])
def test_a_run_answers_with_parents_and_is_saved_with_them(tmp_path, head):
    rng = np.random.default_rng(0)
    rows = frame(CELLS * 3)
    place = np.array([("cat", "dog", "car", "van").index(kind) for kind in rows["kind"]])
    rows["x"], rows["z"] = place // 2 + 0.2 * rng.normal(size=len(rows)), place % 2 + 0.2 * rng.normal(size=len(rows))
    run = hs.fit(rows, source="vector:columns", task="tree", label=["kind", "group"], head=head, out=tmp_path / "run")
    found = run.metrics.loc["test"]["value"]
    assert found["accuracy"] > 0.8 and found["parent_accuracy"] >= found["hierarchical_f1"] >= found["accuracy"]
    assert "Confusion of parents" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    loaded = hs.load(tmp_path / "run")
    assert loaded.task.target == run.model.task.target and "parents" in loaded.task.plain()["targets"]["target"]
    table = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    assert set(zip(table["prediction"], table["parent"], strict=True)) <= set(CELLS)
    assert loaded.predict(rows.head(3)) is not None
