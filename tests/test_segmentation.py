"""Segmentation from a folder of images and masks to masks of new images: read, trained, measured, shown, resumed."""

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
from headstart.core.offer import Offer
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.types import silent
from headstart.data.read import read
from headstart.data.transforms import make_transform
from headstart.engine import constant
from headstart.engine.predict import predict
from headstart.models.operate import operate
from headstart.runs import choose
from headstart.runs.defaults import with_usual_head
from headstart.runs.network import build_model
from headstart.runs.suited import suited

SIZE = (48, 40)  # width and height of pictures


def scene(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A bright square and a dark one on noise, and their mask, whose first line is ignored."""
    width, height = SIZE
    picture, mask = rng.integers(90, 150, (height, width, 3)), np.zeros((height, width))
    for place, colour in ((1, (250, 30, 30)), (2, (10, 10, 240))):
        side = rng.integers(10, 18)
        x, y = rng.integers(0, width - side), rng.integers(0, height - side)
        picture[y : y + side, x : x + side], mask[y : y + side, x : x + side] = colour, place
    mask[0] = 255
    return picture.astype(np.uint8), mask.astype(np.uint8)


def write(root: Path, parts: dict[str, int]) -> Path:
    rng = np.random.default_rng(0)
    for split, count in parts.items():
        for row in range(count):
            for name, pixels in zip(("images", "masks"), scene(rng), strict=True):
                file = root / name / split / f"{row}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(file)
    (root / "classes.csv").write_text("name,value\nground,0\nred,1\nblue,2\nignore,255\n")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "data", {"train": 8, "val": 4, "test": 4})


def test_a_folder_of_images_and_masks_is_read(folder: Path) -> None:
    found = read(folder, DataPlan())
    assert (found.task.kind, found.task.classes, found.task.inputs) == (
        "segmentation",
        ("ground", "red", "blue"),
        ("image",),
    )
    assert {name: len(rows) for name, rows in found.splits.items()} == {"train": 8, "validation": 4, "test": 4}
    assert found.splits["train"].ids[0] == "images/train/0.png"
    assert any("3 classes (ground, red, blue), read as segmentation; ignored: 255" in note for note in found.notes)
    assert found.task.target.counts(found.splits["train"].y) == {"ground": 8, "red": 8, "blue": 8}


def test_other_ways_to_lay_the_folder_out_give_the_same_masks(folder: Path, tmp_path: Path) -> None:
    first = read(folder, DataPlan())
    other = tmp_path / "other"
    for split in ("train", "val", "test"):
        for name, called in (("images", "imgs"), ("masks", "annotations")):
            (other / split).mkdir(parents=True, exist_ok=True)
            (folder / name / split).rename(other / split / called)
    for file in (other / "train" / "annotations").iterdir():
        file.rename(file.with_name(f"{file.stem}_mask.png"))
    (folder / "classes.csv").rename(other / "classes.csv")
    second = read(other, DataPlan())
    assert second.task.classes == first.task.classes
    for one, two in zip(first.splits["train"].y, second.splits["train"].y, strict=True):
        assert np.array_equal(one, two)


def test_what_has_no_other_half_is_listed_and_left_out_when_asked(folder: Path) -> None:
    (folder / "masks" / "train" / "3.png").unlink()
    (folder / "images" / "val" / "2.png").unlink()
    Image.new("L", (5, 5)).save(folder / "masks" / "train" / "1.png")
    with pytest.raises(DataError) as caught:
        read(folder, DataPlan())
    said = str(caught.value)
    assert "images/train/3.png: has no mask in masks/train/" in said
    assert "masks/val/2.png: is a mask without an image" in said
    found = read(folder, DataPlan(skip_bad=True))
    assert [len(found.splits[name]) for name in ("train", "validation", "test")] == [6, 3, 4]
    assert any("is 48 x 40 pixels, its mask 5 x 5" in str(problem) for problem in found.left_out)


def test_classes_called_images_and_masks_stay_classes(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        for row in range(3):
            Image.new("RGB", (8, 8)).save(tmp_path / name / f"{name}{row}.png")
    assert read(tmp_path, DataPlan(test=0.0, validation=0.0)).task.kind == "binary"


def test_the_head_and_the_surgery_are_those_of_the_kind(folder: Path) -> None:
    task = read(folder, DataPlan()).task
    recipe = with_usual_head(Recipe().with_settings({"source": "timm:test_resnet"}), task, silent)
    found = suited(recipe, task)
    assert found.head.name == "decoder" and [op.name for op in found.surgery] == ["adapt_input", "maps"]
    assert suited(found, task) == found, "what is there already is not done twice"
    with pytest.raises(UsageError, match="The head 'mlp' does not fit"):
        suited(dataclasses.replace(recipe, head=Choice("mlp")), task)
    numbers = toys.task_for(toys.source("vector:mlp").card.input)
    with pytest.raises(UsageError, match="The head 'decoder' does not fit"):
        suited(recipe, numbers)
    both = dataclasses.replace(task, targets={"mask": task.target, "kind": numbers.target})
    with pytest.raises(UsageError, match=r"pooled features \(kind\) cannot be learnt beside"):
        suited(recipe, both)


def test_without_a_source_the_first_network_at_hand_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, told = read(folder, DataPlan()), []
    offers = [Offer("hog:colour", pretrained=False), Offer("timm:test_resnet", "mlp"), Offer("timm:test_vit")]
    monkeypatch.setattr(choose, "gather", lambda task, inputs: offers)
    recipe = with_usual_head(choose.with_network(Recipe(), data, told.append), data.task, silent)
    assert (recipe.source, recipe.head.name) == (Choice("timm:test_resnet"), "decoder")
    assert "start: timm:test_resnet, the first network at hand" in told[0].message
    named = dataclasses.replace(recipe, source=Choice("timm:other"))
    assert choose.with_network(named, data, silent) == named
    monkeypatch.setattr(choose, "gather", lambda task, inputs: offers[:1])
    with pytest.raises(UsageError, match="No source is at hand for this kind of target: name one"):
        choose.with_network(Recipe(), data, silent)
    with pytest.raises(UsageError, match="those of such targets are not: name one source"):
        hs.fit(folder, sources=["timm:*"])


def made(folder: Path) -> tuple[Any, Any]:
    """Make a small network for the folder's data."""
    data = read(folder, DataPlan())
    operations = ["adapt_input size=32", "adapt_input whole=true", "maps"]
    backbone = operate(toys.source("timm:test_resnet"), operations).backbone
    recipe = Recipe().with_settings({"source": "timm:test_resnet", "head": "decoder width=8"})
    return build_model(recipe, data, backbone), data


def test_a_stop_and_a_resume_give_the_same_weights(tmp_path: Path, folder: Path) -> None:
    check_resumes(tmp_path, lambda: made(folder))


def test_outputs_are_bytes(folder: Path) -> None:
    model, data = made(folder)
    rows = data.splits["test"]
    found = predict(model, rows, make_transform(model.backbone.card.input))["target"]
    assert found.dtype == np.uint8 and found.shape == (4, 32, 32) and found.max() < 3


@pytest.mark.slow
def test_from_a_folder_to_masks_of_new_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = write(tmp_path / "data", {"train": 24, "val": 8, "test": 8})
    settings = {"stages.0.steps": 150, "stages.0.batch_size": 8, "stages.0.lr": 3e-3, "head": "decoder width=16"}
    surgery = (Choice("adapt_input", {"size": 32}),)
    recipe = dataclasses.replace(Recipe().with_settings(settings), surgery=surgery)
    source = Choice("timm:test_resnet", {"pretrained": False})
    run = hs.fit(data, recipe=dataclasses.replace(recipe, source=source), out=tmp_path / "run")
    figures = run.evaluations["test"]
    assert figures.primary == "miou" and (figures.metrics["miou"].value or 0) > 0.6
    assert hs.evaluate(tmp_path / "run").evaluations["test"] == figures
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "IoU by class" in page and "the borders of the labels" in page and 'class="heat' in page
    masks = hs.load(tmp_path / "run").predict(data / "images" / "test")
    assert masks[0].shape == SIZE[::-1] and masks[0].dtype == np.uint8
    told = CliRunner().invoke(app, ["predict", "run", "data/images/test", "--out", "found.csv"])
    assert told.exit_code == 0, told.output
    table: Any = pd.read_csv("found.csv")
    assert table["mask"][0] == "found_masks/0.png" and "share:red" in table
    written = np.asarray(Image.open(table["mask"][0]))
    assert np.array_equal(written, masks[0]) and written.shape == SIZE[::-1]
    told = CliRunner().invoke(app, ["predict", "run", "data/images/test/0.png", "--json"])
    assert json.loads(told.output.splitlines()[-1])["predictions"][0]["prediction"][0] == "ground"


@pytest.mark.slow
def test_a_frozen_network_under_a_decoder_of_the_package_is_computed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    monkeypatch.setattr(constant, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(constant, "LEAST_GAIN", 0.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data, told = write(tmp_path / "data", {"train": 24, "val": 8, "test": 8}), []
    words: dict[str, Any] = {
        "source": "timm:test_resnet pretrained=false",
        "strategy": "linear_probe",
        "augment": "plain",
    }
    settings = {"stages.0.steps": 50, "stages.0.batch_size": 8, "stages.0.lr": 3e-3}
    words |= {"head": "smp decoder=unetplusplus", "surgery": ["adapt_input whole=true size=64"], "settings": settings}
    run = hs.fit(data, **words, out=tmp_path / "run", listen=told.append)
    figures = run.evaluations["test"]
    assert (figures.metrics["miou"].value or 0) > 0.5
    assert hs.evaluate(tmp_path / "run").evaluations["test"] == figures
    assert any("computed once for each row" in event.message for event in told)


@pytest.mark.slow  # trains four small networks
def test_runs_are_compared_and_rows_are_tested_in_folds(folder: Path, tmp_path: Path) -> None:
    check_folds_and_comparison(tmp_path, folder, "decoder width=8", "miou")
