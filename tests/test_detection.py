"""Detection from a folder of annotated pictures to boxes in new ones: read, trained, measured, shown, resumed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import headstart as hs
import toys
from dense import check_folds_and_comparison, check_resumes
from headstart.cli.main import app
from headstart.core.choice import Choice
from headstart.core.errors import DataError, UsageError
from headstart.core.outcome import Calibration
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.types import silent
from headstart.data.read import read
from headstart.models.operate import operate
from headstart.runs.defaults import with_usual_head
from headstart.runs.network import build_model
from headstart.runs.suited import suited
from headstart.targets.detection import Detection

SIZE = (96, 72)  # width and height of pictures


def scene(rng: np.random.Generator) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """One or two bright squares on noise, red ones and blue ones, and their boxes."""
    width, height = SIZE
    picture, boxes = rng.integers(90, 150, (height, width, 3)), []
    for name, colour in (("red", (250, 30, 30)), ("blue", (10, 10, 240)))[: rng.integers(1, 3)]:
        side = int(rng.integers(24, 40))
        x, y = int(rng.integers(0, width - side)), int(rng.integers(0, height - side))
        picture[y : y + side, x : x + side] = colour
        boxes = [each for each in boxes if not _over(each["box"], (x, y, x + side, y + side))]
        boxes.append({"class": name, "box": [x, y, x + side, y + side]})
    return picture.astype(np.uint8), boxes


def _over(one: list[int], other: tuple[int, ...]) -> bool:
    """Return whether a box lies over another one by so much that it can hardly be seen."""
    width, height = (min(one[i + 2], other[i + 2]) - max(one[i], other[i]) for i in (0, 1))
    return max(width, 0) * max(height, 0) > 0.4 * (one[2] - one[0]) * (one[3] - one[1])


def write(root: Path, parts: dict[str, int]) -> Path:
    """Write tables of pictures with boxes as JSON, one for each split."""
    rng = np.random.default_rng(0)
    (root / "pictures").mkdir(parents=True)
    for split, count in parts.items():
        rows = []
        for row in range(count):
            pixels, boxes = scene(rng)
            Image.fromarray(pixels).save(root / "pictures" / f"{split}{row}.png")
            rows.append({"image": f"pictures/{split}{row}.png", "boxes": json.dumps(boxes)})
        pd.DataFrame(rows).to_csv(root / f"{split}.csv", index=False)
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "data", {"train": 8, "val": 4, "test": 4})


def test_a_table_of_boxes_is_read(folder: Path) -> None:
    found = read(folder, DataPlan())
    assert (found.task.kind, found.task.classes, found.task.inputs) == ("detection", ("blue", "red"), ("image",))
    table: Any = pd.read_csv(folder / "train.csv")
    cell = json.loads(table["boxes"][0])
    label = found.splits["train"].y[0]
    assert len(label) == len(cell) and label.dtype == np.float32
    assert (label[:, :4] * [*SIZE, *SIZE]).round(3).tolist() == [each["box"] for each in cell]
    assert [found.task.classes[int(place)] for place in label[:, 4]] == [each["class"] for each in cell]
    boxes = [each["class"] for row in pd.read_csv(folder / "train.csv")["boxes"] for each in json.loads(row)]
    assert found.task.target.counts(found.splits["train"].y) == {name: boxes.count(name) for name in ("blue", "red")}


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ([{"class": "red", "box": [90, 0, 120, 10]}, {"class": "red", "box": [97, 0, 120, 10]}], "outside of the"),
        ([{"class": "red", "box": [5, 5, 5, 10]}], "no size"),
        ([{"class": "green", "box": [5, 5, 9, 10]}], "green, which no training row has"),
        ([{"class": "red", "box": [5, 5, 9, "x"]}], "not 4 numbers"),
    ],
)
def test_boxes_that_cannot_be_used_are_listed_by_row(folder: Path, cell: list[Any], said: str) -> None:
    table = pd.read_csv(folder / "val.csv")
    table.loc[2, "boxes"] = json.dumps(cell)
    table.to_csv(folder / "val.csv", index=False)
    with pytest.raises(DataError, match=said) as caught:
        read(folder, DataPlan())
    assert "val.csv:4" in str(caught.value)
    assert len(read(folder, DataPlan(skip_bad=True)).splits["validation"]) == 3


def test_pictures_without_boxes_are_rows_but_not_all_of_them(folder: Path) -> None:
    table = pd.read_csv(folder / "train.csv")
    table.loc[:3, "boxes"] = "[]"
    table.to_csv(folder / "train.csv", index=False)
    assert [len(label) > 0 for label in read(folder, DataPlan()).splits["train"].y] == [False] * 4 + [True] * 4
    (folder / "train.csv").write_text(table.assign(boxes="[]").to_csv(index=False))
    with pytest.raises(DataError, match="box"):
        read(folder, DataPlan())


def test_the_head_and_the_surgery_are_those_of_the_kind_but_for_what_is_named(folder: Path) -> None:
    task = read(folder, DataPlan()).task
    named = Recipe().with_settings({"source": "timm:test_resnet", "surgery": ["adapt_input size=64"]})
    found = suited(with_usual_head(named, task, silent), task)
    assert found.head.name == "fcos"
    assert [(op.name, dict(op.options)) for op in found.surgery] == [
        ("adapt_input", {"size": "64"}),
        ("adapt_input", {"whole": "true"}),
        ("maps", {"finest": "8"}),
    ]
    assert suited(found, task) == found, "what is there already is not done twice"
    with pytest.raises(UsageError, match=r"does not fit .* head='fcos'"):
        suited(named.with_settings({"head": "decoder"}), task)


def made(folder: Path) -> tuple[Any, Any]:
    """Make a small network for the folder's data."""
    data = read(folder, DataPlan())
    backbone = operate(toys.source("timm:test_resnet"), ["adapt_input size=64 whole=true", "maps finest=4"]).backbone
    recipe = Recipe().with_settings({"source": "timm:test_resnet", "head": "fcos width=8 depth=1"})
    return build_model(recipe, data, backbone), data


def test_a_stop_and_a_resume_give_the_same_weights(tmp_path: Path, folder: Path) -> None:
    check_resumes(tmp_path, lambda: made(folder))


def test_outcomes_of_boxes(tmp_path: Path) -> None:
    made = Detection(("boxes",), ("a", "b"))
    labels = [np.array([[0, 0, 0.5, 0.5, 0, 0], [0.5, 0.5, 1, 1, 1, 0]], np.float32), np.zeros((0, 6), np.float32)]
    outputs = np.zeros((2, 3, 6), np.float32)
    outputs[0, 0], outputs[0, 1] = (0, 0, 0.5, 0.5, 0.9, 0), (0.5, 0.5, 1, 0.8, 0.2, 1)
    outputs[1, 0] = (0.1, 0.1, 0.2, 0.2, 0.25, 0)
    assert made.calibrate(labels, outputs).thresholds == pytest.approx({"a": (0.9 + 0.25) / 2, "b": 0.1})
    assert made.calibrate(None, None).notes and Calibration().thresholds == {}
    low = {"a": 0.2, "b": 0.2}
    assert made.mistakes(labels, outputs, low).tolist() == [1]
    assert made.mistakes(labels, outputs, None).tolist() == [0]  # b's score is below the usual threshold
    told = made.explain(labels[0], outputs[0], None)
    assert (told.label, told.prediction, told.how) == ("1 a, 1 b", "1 a", "1 right, 1 missing, 0 false")
    assert made.explain(labels[1], outputs[1], low).how == "0 right, 0 missing, 1 false"
    laid = [made.laid(each, (200, 100)) for each in outputs]
    (first, _), none = made.predictions(laid, low)[0], made.predictions(laid, None)[1]
    assert first == {"class": "a", "score": pytest.approx(0.9), "box": [0, 0, 100, 50]} and none == []
    cell = json.loads(made.cells(laid, low)["boxes"][0])
    assert [(each["class"], each["box"]) for each in cell] == [("a", [0, 0, 100, 50]), ("b", [100, 50, 200, 80])]
    table = made.table(labels, outputs, low)
    assert table["prediction"] == ["1 a, 1 b", "1 a"]
    back, found = made.read_table(table)
    assert all(np.array_equal(one, other) for one, other in zip(back, labels, strict=True))
    assert np.array_equal(found[:, :2], outputs[:, :2])
    turned = Detection(("boxes",), ("b", "a"))
    swapped, moved = turned.reorder(("a", "b"), labels, outputs)
    assert swapped[0][:, 4].tolist() == [1, 0] and moved[0, :2, 5].tolist() == [1, 0] and labels[0][0, 4] == 0
    assert made.validation_loss(labels, outputs) == pytest.approx(1 - (1 + 0.3) / 2)  # b's IoU is 0.6: 3 of 10
    assert made.colours(labels).groups.tolist() == [0, -1]


@pytest.mark.slow  # trains a small network
def test_from_a_folder_to_boxes_in_new_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = write(tmp_path / "data", {"train": 48, "val": 12, "test": 24})
    settings = {"stages.0.steps": 300, "stages.0.batch_size": 8, "stages.0.lr": 3e-3, "head": "fcos width=32"}
    surgery = (Choice("adapt_input", {"size": 64}), Choice("maps", {"finest": 4}))
    recipe = dataclasses.replace(Recipe().with_settings(settings), surgery=surgery)
    source = Choice("timm:test_resnet", {"pretrained": False})
    run = hs.fit(data, recipe=dataclasses.replace(recipe, source=source), out=tmp_path / "run")
    figures = run.evaluations["test"]
    assert figures.primary == "mean_average_precision" and (figures.metrics["map_50"].value or 0) > 0.7
    assert hs.evaluate(tmp_path / "run").evaluations["test"] == figures
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Average precision by class" in page and "in dashes" in page and 'class="heat' in page
    found = hs.load(tmp_path / "run").predict([data / "pictures" / "test0.png"])[0]
    asked = ["predict", "run", "data/pictures", "--out", "found.csv", "--draw", "drawn"]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 0, told.output
    table: Any = pd.read_csv("found.csv")
    row = table[table["id"].str.endswith("test0.png")].iloc[0]
    cell = json.loads(row["boxes"])
    assert len(table) == 84 and [each["class"] for each in cell] == [each["class"] for each in found]
    assert cell[0]["box"] == pytest.approx(found[0]["box"], abs=0.01) and cell[0]["score"] <= 1
    before, drawn = (np.asarray(Image.open(folder / "test0.png")) for folder in (data / "pictures", Path("drawn")))
    assert drawn.shape == before.shape and (drawn != before).any() and len(list(Path("drawn").iterdir())) == 84
    table[["id", "boxes"]].rename(columns={"id": "image"}).to_csv("labels.csv", index=False)
    again = read(tmp_path / "labels.csv", DataPlan())  # a table of predictions is one of labels
    assert again.task.kind == "detection" and again.task.classes == ("blue", "red")


@pytest.mark.slow  # a whole run, with its search
def test_drawing_where_nothing_is_found_in_pictures_is_refused(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32), ["a", "b"] * 12
    hs.fit((x, y), source=None, out=tmp_path / "run")
    told = CliRunner().invoke(app, ["predict", str(tmp_path / "run"), "1,2,3", "--draw", str(tmp_path / "drawn")])
    assert told.exit_code and "nothing in a picture that could be drawn" in str(told.exception)


def test_a_drawing_is_a_copy() -> None:
    made = Detection(("boxes",), ("a",))
    picture = Image.new("RGB", (40, 30))
    drawn = made.drawn(picture, np.array([[0.25, 0.2, 0.75, 0.8, 0.9, 0]], np.float32))
    assert drawn.size == (40, 30) and (np.asarray(drawn) != 0).any() and not np.asarray(picture).any()


@pytest.mark.slow  # trains four small networks
def test_runs_are_compared_and_rows_are_tested_in_folds(folder: Path, tmp_path: Path) -> None:
    check_folds_and_comparison(tmp_path, folder, "fcos width=8", "map_50")


def test_a_view_that_changes_colours_is_refused_before_a_run_begins(folder: Path, tmp_path: Path) -> None:
    settings = {"stages.0.augment": "strong", "stages.0.steps": 1}
    recipe = dataclasses.replace(Recipe().with_settings(settings), surgery=(Choice("adapt_input", {"size": 64}),))
    recipe = dataclasses.replace(recipe, source=Choice("timm:test_resnet", {"pretrained": False}))
    with pytest.raises(UsageError, match="only moves pixels"):
        hs.fit(folder, recipe=recipe, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
