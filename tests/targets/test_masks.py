"""Masks as labels: legends, values and colours, what is wrong with them, and figures by hand."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.metrics import jaccard_score

from headstart.core import plugins
from headstart.core.errors import DataError, UsageError
from headstart.core.types import Calibration, LossOptions, Measurements, Task, kind_of
from headstart.data.tables import make_frame
from headstart.drawing.draw import draw
from headstart.evaluation.measure import measured
from headstart.evaluation.metrics import evaluate
from headstart.metrics import _find
from headstart.targets._legend import find_legend, read_legend
from headstart.targets._mask_output import MaskOutput, dice_loss
from headstart.targets._masks import IGNORED, opened_mask, packed_mask

RNG = np.random.default_rng(0)


def target(classes: tuple[str, ...] = ("a", "b", "c"), **more: Any) -> Any:
    values = {"values": tuple(map(str, range(len(classes))))} | more
    return plugins.build("targets", "segmentation", {"columns": ("mask",), "classes": classes, **values})


def completed(folder: Path, **pictures: Image.Image) -> tuple[Any, Any]:
    """Make the target of masks in a folder, and the frame of their rows."""
    paths = []
    for name, picture in pictures.items():
        path = folder / "masks" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        picture.save(path)
        paths.append(path)
    frame = make_frame({"image": paths, "mask": paths}, list(pictures))
    kind: Any = plugins.load("targets", "segmentation")
    return kind.of(("mask",)).complete(frame, {"train": frame}), frame


def grey(*rows: list[int]) -> Image.Image:
    return Image.fromarray(np.array(rows, dtype=np.uint8))


def places(label: np.ndarray) -> list[list[int]]:
    return np.asarray(opened_mask(label)).tolist()


def test_values_of_masks_are_classes_without_a_legend_and_255_is_ignored(tmp_path: Path) -> None:
    made, frame = completed(tmp_path, one=grey([0, 3], [255, 7]), two=grey([3, 3], [3, 3]))
    assert (made.classes, made.ignored) == (("0", "3", "7"), ("255",))
    assert [places(label) for label in made.encode(frame)] == [[[0, 1], [IGNORED, 2]], [[1, 1], [1, 1]]]
    assert made.describe() == "3 classes (0, 3, 7), read as segmentation; ignored: 255"
    two, _ = completed(tmp_path, one=grey([0, 255]), two=grey([0, 0]))
    assert (two.classes, two.ignored) == (("0", "255"), ())  # black and white


def test_palette_indices_stand_for_classes_and_colours_do_by_a_legend(tmp_path: Path) -> None:
    palette = grey([0, 1, 2])
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    made, frame = completed(tmp_path, one=palette)
    assert made.classes == ("0", "1", "2") and places(made.encode(frame)[0]) == [[0, 1, 2]]
    (tmp_path / "classes.csv").write_text("name,r,g,b\nsky,70,80,90\nroad,10,20,30\nignore,40,50,60\n")
    made, frame = completed(tmp_path, one=palette, two=palette.convert("RGB"))
    assert made.classes == ("sky", "road") and made.ignored == ("40,50,60",)
    assert [places(label) for label in made.encode(frame)] == [[[1, IGNORED, 0]]] * 2
    back = Image.open(io.BytesIO(made.picture(np.array([[1, 0]], np.uint8))))
    assert back.mode == "RGB" and np.asarray(back).tolist() == [[[10, 20, 30], [70, 80, 90]]]


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("classes.csv", "name,value\nsky,4\nvoid,9\n", {(4,): "sky"}),
        ("classes.txt", "sky\nroad\n", {(0,): "sky", (1,): "road"}),
        ("classes.csv", "4,sky\n9;road\n", {(4,): "sky", (9,): "road"}),
        ("meta.json", '{"classes": ["sky", "none"], "ignore_index": 1}', {(0,): "sky"}),
        ("classes.json", '{"classes": ["sky"], "ignore_index": 255}', {(0,): "sky"}),
    ],
)
def test_legends(tmp_path: Path, name: str, text: str, names: dict[tuple[int, ...], str]) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "masks" / "train").mkdir(parents=True)
    found = find_legend(tmp_path / "masks" / "train" / "1.png")
    assert found is not None and found.names == names
    assert len(found.ignored) == (text.count("void") or text.count("ignore_index"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sky,1\nroad,1\n", r"classes.csv:1: 'sky' has the value 1.*\n.*classes.csv:2: 'road' has the value 1"),
        ("sky,1\nsky,2\n", "the class 'sky' stands there twice"),
        ("sky,1\nroad,1,2,3\n", "has numbers and colours"),
        ("sky,blue\n", "line 1 holds sky, blue, and not name,value"),
    ],
)
def test_wrong_legends_are_told_by_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "classes.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        read_legend(tmp_path / "classes.csv")


def test_what_is_wrong_with_masks_is_listed_by_row(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    made, frame = completed(tmp_path, good=grey([0, 1]), bad=grey([0, 9]), worse=grey([8, 9]))
    assert made.unseen == ("car",) and "in no training mask: car" in made.describe()
    with pytest.raises(DataError) as caught:
        made.encode(frame)
    assert [str(problem.where) for problem in caught.value.problems] == ["bad", "worse"]
    assert "its mask has 1 pixels of a value of no class: 9" in str(caught.value)
    assert "2 pixels of values of no class: 8; 9" in str(caught.value)
    with pytest.raises(DataError, match=r"big: is 4 x 4 pixels, its mask 2 x 1"):
        made.lay_over(["big"], [packed_mask(np.zeros((1, 2), np.uint8))], [(4, 4)])
    (tmp_path / "masks" / "torn.png").write_bytes(b"no picture")
    torn = make_frame({"mask": [tmp_path / "masks" / "torn.png"]}, ["torn"])
    with pytest.raises(DataError, match="torn: its mask cannot be read as a mask"):
        made.encode(torn)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "masks" / "lossy.jpg")
    with pytest.raises(DataError, match="is a JPEG, which mixes the values"):
        made.encode(make_frame({"mask": [tmp_path / "masks" / "lossy.jpg"]}, ["lossy"]))
    with pytest.raises(DataError, match="of one class only"):
        made.check_training([packed_mask(np.zeros((2, 2), np.uint8))])
    with pytest.raises(UsageError, match="has one column of masks; 2 are named"):
        type(made).of(("a", "b"))


def drawn(count: int, classes: int, *, ignored: bool = True) -> tuple[list[np.ndarray], np.ndarray]:
    masks = RNG.integers(0, classes, (count, 9, 7)).astype(np.uint8)
    if ignored:
        masks[:, 0] = IGNORED
    return [packed_mask(mask) for mask in masks], RNG.integers(0, classes, (count, 9, 7)).astype(np.uint8)


def test_miou_and_pixel_accuracy_are_those_of_all_pixels() -> None:
    made = target()
    labels, outputs = drawn(5, 3)
    y = np.stack([np.asarray(opened_mask(label)) for label in labels]).ravel()
    p = outputs.ravel()[y != IGNORED]
    y = y[y != IGNORED]
    found = evaluate(made, labels, outputs, resamples=200)
    assert found.metrics["miou"].value == pytest.approx(jaccard_score(y, p, average="macro"))
    assert found.metrics["pixel_accuracy"].value == pytest.approx((y == p).mean())
    each = [jaccard_score(y == place, p == place) for place in range(3)]
    assert [found.per_class[name]["miou"] for name in "abc"] == pytest.approx(each)
    low, high = found.metrics["miou"].low, found.metrics["miou"].high
    assert low is not None and high is not None and low < (found.metrics["miou"].value or 0) < high
    assert made.validation_loss(labels, outputs) == pytest.approx(1 - jaccard_score(y, p, average="macro"))


def test_a_row_that_counts_twice_counts_as_two_rows() -> None:
    made = target()
    labels, outputs = drawn(3, 3)
    twice = measured(made, [*labels, labels[1]], np.concatenate([outputs, outputs[1:2]]))
    found = _find.load("miou").weighted(measured(made, labels, outputs))(np.array([[1.0], [2.0], [1.0]]))
    assert found[0] == pytest.approx(_find.value(_find.load("miou"), twice))


def test_iou_by_hand_and_a_class_that_is_nowhere() -> None:
    labels = [packed_mask(np.array([[0, 0, 1, 1]], np.uint8))]
    found = evaluate(target(), labels, np.array([[[0, 1, 1, 1]]], np.uint8), resamples=0)
    assert found.metrics["miou"].value == pytest.approx((1 / 2 + 2 / 3) / 2)  # of 'c' is no pixel
    assert found.per_class["c"]["miou"] is None and any("'c'" in note for note in found.notes)


def test_decisions_of_another_size_are_laid_over_the_mask() -> None:
    label = packed_mask(np.repeat(np.repeat(np.array([[0, 1], [2, 0]], np.uint8), 3, 0), 5, 1))
    assert evaluate(target(), [label], np.array([[[0, 1], [2, 0]]], np.uint8), resamples=0).metrics["miou"].value == 1
    assert target().laid(np.array([[0, 1]], np.uint8), (4, 1)).tolist() == [[0, 0, 1, 1]]


def test_the_loss_is_cross_entropy_and_dice_by_hand() -> None:
    p = torch.tensor([[0.8, 0.6, 0.5], [0.2, 0.4, 0.5]])[None, :, None]  # [1, 2, 1, 3]
    y = torch.tensor([[[0, 1, IGNORED]]])
    output = MaskOutput(2)
    entropy = -(math.log(0.8) + math.log(0.4)) / 2
    dice = 1 - (2 * 0.8 / (1.4 + 1) + 2 * 0.4 / (0.6 + 1)) / 2
    assert output.loss(p.log(), y, LossOptions(loss="cross_entropy")).item() == pytest.approx(entropy)
    assert output.loss(p.log(), y, LossOptions()).item() == pytest.approx(entropy + dice)
    weighted = -(3 * math.log(0.8) + math.log(0.4)) / 4
    options = LossOptions(loss="cross_entropy", class_weights=(3.0, 1.0))
    assert output.loss(p.log(), y, options).item() == pytest.approx(weighted)
    smooth = LossOptions(loss="cross_entropy", label_smoothing=0.1)
    expected = torch.nn.functional.cross_entropy(p.log(), y, ignore_index=IGNORED, label_smoothing=0.1)
    assert output.loss(p.log(), y, smooth).item() == pytest.approx(expected.item())
    assert dice_loss(torch.eye(2)[None, :, None], torch.tensor([[[0, 1]]]), torch.ones(1, 1, 2, dtype=torch.bool)) == 0


def test_outputs_of_fewer_places_are_compared_with_the_pixel_in_the_middle_of_each() -> None:
    y = torch.randint(2, (2, 9, 6))
    y[0, 4, 1] = IGNORED
    out = torch.randn(2, 2, 3, 2)
    middles = y[:, 1::3, 1::3]
    assert MaskOutput(2).loss(out, y, LossOptions()) == MaskOutput(2).loss(out, middles, LossOptions())


def test_the_loss_of_a_batch_is_the_mean_of_its_pictures_and_a_blank_picture_has_none() -> None:
    out, y = torch.randn(3, 2, 4, 4), torch.randint(2, (3, 4, 4))
    y[1, :3] = IGNORED
    output = MaskOutput(2)
    each = [output.loss(out[i : i + 1], y[i : i + 1], LossOptions()) for i in range(3)]
    assert output.loss(out, y, LossOptions()).item() == pytest.approx(torch.stack(each).mean().item(), abs=1e-6)
    assert output.loss(out, torch.full_like(y, IGNORED), LossOptions()).item() == 0


def test_rare_classes_weigh_more_by_their_pixels() -> None:
    output = MaskOutput(2)
    output.rebalance("weights", [packed_mask(np.array([[0] * 30 + [1] * 2], np.uint8))])
    common, rare = output.balance.weights
    kept = 1 - 1 / 32  # arXiv:1901.05555, eq. 2, of 32 pixels
    assert rare / common == pytest.approx((1 - kept**30) / (1 - kept**2))
    output.rebalance("focal", [packed_mask(np.array([[0, 1]], np.uint8))])
    p = torch.tensor([0.8, 0.2]).reshape(1, 2, 1, 1)
    found = output.loss(p.log(), torch.tensor([[[0]]]), LossOptions(loss="cross_entropy"))
    assert found.item() == pytest.approx(-(0.2**2) * math.log(0.8))


def test_the_table_keeps_masks_and_other_orders_are_brought_to_ours(tmp_path: Path) -> None:
    made = target()
    labels, outputs = drawn(3, 3)
    table = made.table(labels, outputs)
    assert not set(table) - set(made.table(None, outputs)) - {"label", "iou"}
    pd.DataFrame(table).to_parquet(tmp_path / "table.parquet")
    frame = pd.read_parquet(tmp_path / "table.parquet")
    again = made.read_table({name: frame[name].to_numpy() for name in made.table_columns})
    assert all(np.array_equal(one, other) for one, other in zip(again[0], labels, strict=True))
    assert np.array_equal(again[1], outputs)
    other = target(("c", "a", "b"))
    moved = other.reorder(("a", "b", "c"), labels, outputs)
    ours, theirs = evaluate(made, labels, outputs, resamples=0), evaluate(other, *moved, resamples=0)
    assert theirs.metrics["miou"].value == pytest.approx(ours.metrics["miou"].value)
    assert theirs.per_class["a"] == pytest.approx(ours.per_class["a"])
    assert made.explain(labels[0], outputs[0].astype(float)).how.startswith("IoU 0.")
    worst = made.mistakes(labels, outputs)
    assert np.argmin(table["iou"]) == worst[0]


def test_a_model_file_keeps_all_of_it_and_it_says_what_fits(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("sky\nroad\nignore\n")
    made, frame = completed(tmp_path, one=grey([0, 1]), two=grey([2, 1]))
    task = Task("image", ("image",), {"mask": made})
    assert Task.parse(task.plain(), "here") == task and made.title == kind_of(made) == "segmentation"
    for kind in made.balances:
        made.check_imbalance(kind, LossOptions())
    with pytest.raises(UsageError, match="imbalance 'sampler' does not fit"):
        made.check_imbalance("sampler", LossOptions())
    with pytest.raises(UsageError, match="class_weights has 1 numbers"):
        made.check_loss(LossOptions(class_weights=(1.0,)))
    chosen, why = made.choose_imbalance(made.encode(frame), LossOptions())
    assert chosen == "none" and "road has 2 pixels, sky has 1" in why
    assert made.calibrate(None, None) == Calibration() and made.scale(frame, 2.0) is frame
    frame.at["two", "mask"] = None
    with pytest.raises(DataError, match="two: has no label"):
        made.check_present({"train": frame})


def test_the_report_draws_each_class_with_its_figures() -> None:
    made = target()
    labels, outputs = drawn(6, 3)
    found = evaluate(made, labels, outputs, resamples=10)
    units = dict.fromkeys(found.metrics, "share")
    given = Measurements("test", labels, outputs, {"test": found.to_plain()}, units, Calibration(), lambda k, n: (0, 1))
    (section,) = made.sections(given)
    page = draw(section.blocks)
    assert (
        section.title == "IoU by class" and f"{found.per_class['b']['miou']:.4g}"[:5] in page and "6 pictures" in page
    )
    drawing = Image.open(io.BytesIO(base64.b64decode(made.overlay(labels[0], outputs[0], (4, 4)).partition(",")[2])))
    assert drawing.mode == "RGBA" and max(drawing.size) == 160
    shades = set(map(tuple, np.asarray(drawing.convert("RGB")).reshape(-1, 3).tolist()))
    assert {tuple(bytes.fromhex(colour[1:])) for _, colour in made.colour_key()} <= shades
    assert made.colours(labels).names == made.classes and made.ranges(labels) == {}


@pytest.mark.slow
@pytest.mark.parametrize("absent", [(), (2,), (0, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_miou_is_that_of_torchmetrics(seed: int, absent: tuple[int, ...]) -> None:
    """Its MulticlassJaccardIndex is of all pixels, as here; its MeanIoU averages over images and ignores nothing."""
    classification = pytest.importorskip("torchmetrics.classification")
    random, classes = np.random.default_rng(seed), 5
    there = [place for place in range(classes) if place not in absent]
    masks = random.choice([*there, IGNORED], size=(6, 11, 8)).astype(np.uint8)
    outputs = random.choice(there, size=masks.shape).astype(np.uint8)
    if seed % 2:
        outputs[0, 0] = classes - 1  # decided, and in no label
        masks[masks == classes - 1] = IGNORED
    found = evaluate(target(tuple("abcde")), [packed_mask(mask) for mask in masks], outputs, resamples=0)

    def theirs(average: str) -> Any:
        peer = classification.MulticlassJaccardIndex(classes, average=average, ignore_index=IGNORED)
        for mask, output in zip(masks, outputs, strict=True):  # an image at a time
            peer.update(torch.from_numpy(output)[None].long(), torch.from_numpy(mask)[None].long())
        return peer.compute().tolist()

    assert found.metrics["miou"].value == pytest.approx(theirs("macro"), abs=1e-6)
    for name, each in zip("abcde", theirs("none"), strict=True):
        nowhere = found.per_class[name]["miou"] is None  # theirs is then 0, and not in the mean
        assert (0 if nowhere else found.per_class[name]["miou"]) == pytest.approx(each, abs=1e-6)
        assert nowhere == ("abcde".index(name) in absent)
