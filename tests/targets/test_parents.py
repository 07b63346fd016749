"""Classes in a tree: each under a parent, whose probability is the sum of those of its classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.nn import functional

import headstart as hs
from headstart.core.choice import Choice
from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan, TargetPlan
from headstart.core.types import Features, LossOptions, Solving
from headstart.data.read import read
from headstart.models.heads.linear import Linear
from headstart.models.heads.means import Means
from headstart.targets._tree_output import TreeOutput
from headstart.targets.tree import Tree

PETS = Tree(("kind",), ("car", "cat", "dog", "van"), ("vehicle", "pet", "pet", "vehicle"), "group")
ABOVE = np.array([1, 0, 0, 1])  # pet comes before vehicle
L2, L3, L9 = np.log([2.0, 3.0, 9.0])


def frame(rows: list[tuple[Any, Any]]) -> pd.DataFrame:
    numbers = np.random.default_rng(0).normal(size=(len(rows), 2))
    made = pd.DataFrame({"x": numbers[:, 0], "z": numbers[:, 1]})
    return made.assign(kind=[row[0] for row in rows], group=[row[1] for row in rows])


CELLS = [("cat", "pet"), ("dog", "pet"), ("car", "vehicle"), ("van", "vehicle")] * 10
PLAN = DataPlan(labels=("kind",), parents="group")


def test_a_class_is_as_likely_as_its_parent_times_its_share_among_its_siblings():
    units = torch.tensor([[0.0, L3, 0.0, L9, 0.0, L2]], dtype=torch.float32)  # pet, vehicle; car, cat, dog, van
    out = PETS.output()
    found = out.decode(out.answers(units))
    # pet 1/4 with cat 9/10, dog 1/10; vehicle 3/4 with car 1/3, van 2/3
    assert torch.allclose(found, torch.tensor([[0.25, 0.225, 0.025, 0.5]]))


def test_the_answers_agree_with_the_tree_and_the_loss_holds_that_of_the_parent():
    units, y = torch.randn(50, 6), torch.randint(4, (50,))
    out = TreeOutput(ABOVE)
    p = out.decode(out.answers(units))
    parents = torch.stack([p[:, [1, 2]].sum(dim=1), p[:, [0, 3]].sum(dim=1)], dim=1)
    assert torch.allclose(parents, units[:, :2].softmax(dim=1), atol=1e-6)
    siblings = torch.from_numpy(ABOVE[:, None] == ABOVE).float()
    inner = units[:, 2:] - (units[:, 2:].exp() @ siblings).log()  # log p(class | parent)
    within = inner.gather(1, y[:, None]).mean()
    expected = functional.cross_entropy(units[:, :2], torch.from_numpy(ABOVE)[y]) - within
    assert torch.allclose(out.loss(out.answers(units), y, LossOptions()), expected, atol=1e-6)


def test_of_one_level_or_of_scores_of_classes_it_is_a_softmax():
    alone = TreeOutput(np.arange(3))  # each class under a parent of its own
    units = torch.randn(5, 6)
    assert torch.allclose(alone.decode(alone.answers(units)), units[:, :3].softmax(dim=1), atol=1e-6)
    scores = torch.randn(5, 4)
    assert torch.equal(PETS.output().answers(scores), scores)


@pytest.mark.parametrize("imbalance", ["none", "weights", "sampler"])
def test_it_is_solved_a_parent_at_a_time(imbalance):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 2)).astype(np.float32)
    labels = np.array([[1, 2], [0, 3]])[(x[:, 0] > 0).astype(int), (x[:, 1] > 0).astype(int)]
    head, wanted = Linear().build(2, PETS), Solving(LossOptions(), imbalance)
    assert head.solves(wanted) and not head.solves(Solving(LossOptions(), "logit_adjust"))
    solved = head.solve(x, labels, wanted)
    out = head(Features(pooled=torch.from_numpy(x))).detach()
    assert (out.argmax(dim=1).numpy() == labels).mean() > 0.95
    assert solved.out_of_fold.shape == (240, 4) and (solved.out_of_fold.argmax(axis=1) == labels).mean() > 0.93
    assert np.exp(solved.out_of_fold).sum(axis=1) == pytest.approx(np.ones(240))
    layer: Any = head.trunk
    turned = layer.weight[:2].abs()
    assert (turned[:, 0] > 5 * turned[:, 1]).all(), "the parents are told apart by the first number"
    again = Linear().build(2, PETS)
    again.solve(x, labels, wanted._replace(chosen=solved.chosen))
    assert torch.allclose(again(Features(pooled=torch.from_numpy(x))), out, atol=1e-4)


def test_parents_without_rows_to_tell_their_classes_apart_answer_by_shares():
    labels = np.array([0, 3, 0, 3, 1, 1])  # no dog
    head = Linear().build(2, PETS)
    head.solve(np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32), labels, Solving(LossOptions()))
    p = head.decode(head(Features(pooled=torch.randn(4, 2))))
    assert torch.allclose(p[:, 1] / p[:, 2], torch.tensor(3.0))  # (2 + 1) / (0 + 1)
    assert Means().build(2, PETS)(Features(pooled=torch.randn(3, 2))).shape == (3, 4)


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
    assert data.task.inputs == ("x", "z") and target.units == 6
    assert any("4 classes (car, cat, dog, van) under 2 parents (pet, vehicle), read as tree" in n for n in data.notes)


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
    for number, (kind, group) in enumerate(CELLS):
        save(tmp_path / f"{split}{group}/{kind}/{number}.png", number)
    data = read(tmp_path, DataPlan(task="tree"))
    target: Any = data.task.target
    assert (target.classes, target.parents) == (PETS.classes, PETS.parents)
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
def test_a_run_answers_with_parents_and_is_saved_with_them(tmp_path):
    rng = np.random.default_rng(0)
    rows = frame(CELLS * 3)
    place = np.array([("cat", "dog", "car", "van").index(kind) for kind in rows["kind"]])
    rows["x"], rows["z"] = place // 2 + 0.2 * rng.normal(size=len(rows)), place % 2 + 0.2 * rng.normal(size=len(rows))
    run = hs.fit(rows, source="vector:columns", task="tree", label=["kind", "group"], out=tmp_path / "run")
    found = run.metrics.loc["test"]["value"]
    assert found["accuracy"] > 0.8 and found["parent_accuracy"] >= found["hierarchical_f1"] >= found["accuracy"]
    assert "Confusion of parents" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    loaded = hs.load(tmp_path / "run")
    assert loaded.task.target == run.model.task.target and "parents" in loaded.task.plain()["targets"]["target"]
    table = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    assert set(zip(table["prediction"], table["parent"], strict=True)) <= set(CELLS)
    assert loaded.predict(rows.head(3)) is not None
