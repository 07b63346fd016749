"""Readers of boxes: COCO, Pascal VOC and YOLO give the same rows, whatever the folders, and leave others alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from box_files import NAMES, SIZE, coco, lines, picture, write, xml
from headstart.core import plugins
from headstart.core.recipe import Choice, DataPlan
from headstart.data.find import read_tables
from headstart.data.tables import Tables
from headstart.targets._boxes import parsed

Made = dict[str, dict[str, list[tuple[int, tuple[float, float, float, float]]]]]  # boxes by picture by split
DATA: Made = {
    "train": {"a": [(0, (0, 3, 17, 20)), (1, (30, 8, 64, 48))], "b": []},
    "val": {"c": [(1, (5, 6, 7, 9))]},
    "test": {"d": [(0, (1, 1, 63, 47)), (0, (2, 2, 9, 9))]},
}


def each(make: Callable[[str, str, list[Any]], None]) -> None:
    for split, pictures in DATA.items():
        for name, boxes in pictures.items():
            make(split, name, boxes)


def coco_beside(root: Path) -> None:
    each(lambda split, name, boxes: picture(root / f"images/{name}.png") and None)
    for split, own in DATA.items():
        write(root / f"{split}.json", coco({f"{name}.png": boxes for name, boxes in own.items()}))


def coco_official(root: Path) -> None:
    each(lambda split, name, boxes: picture(root / f"images/{split}2017/{name}.png") and None)
    for split, own in DATA.items():
        content = coco({f"{name}.png": boxes for name, boxes in own.items()})
        write(root / f"annotations/instances_{split}2017.json", content)
        write(root / f"annotations/person_keypoints_{split}2017.json", content)
        write(root / f"annotations/captions_{split}2017.json", {**content, "categories": None})


def coco_of_roboflow(root: Path) -> None:
    each(lambda split, name, boxes: picture(root / split / f"{name}.png") and None)
    for split, own in DATA.items():
        content = coco({f"{name}.png": boxes for name, boxes in own.items()})
        write(root / split / "_annotations.coco.json", content)


def voc_with_lists(root: Path) -> None:
    def make(split: str, name: str, boxes: list[Any]) -> None:
        picture(root / f"JPEGImages/{name}.png")
        write(root / f"Annotations/{name}.xml", xml(boxes))

    each(make)
    for split, own in DATA.items():
        write(root / f"ImageSets/Main/{split}.txt", "".join(f"{name}  1\n" for name in own))
    write(root / "ImageSets/Main/trainval.txt", "a\nb\nc\n")
    write(root / "ImageSets/Main/cell_train.txt", "a 1\nb -1\n")


def voc_mixed(root: Path) -> None:
    def make(split: str, name: str, boxes: list[Any]) -> None:
        picture(root / split / f"{name}.png")
        write(root / split / f"{name}.xml", xml(boxes))

    each(make)


def yolo_outside(root: Path) -> None:
    def make(split: str, name: str, boxes: list[Any]) -> None:
        picture(root / f"images/{split}/{name}.png")
        write(root / f"labels/{split}/{name}.txt", lines(boxes))

    each(make)
    write(root / "data.yaml", "path: .\nnames:\n  0: cell\n  1: plate\n")


def yolo_inside(root: Path) -> None:
    def make(split: str, name: str, boxes: list[Any]) -> None:
        picture(root / split / f"images/{name}.png")
        if boxes:
            write(root / split / f"labels/{name}.txt", lines(boxes))

    each(make)
    write(root / "data.yaml", "nc: 2\nnames: [cell, plate]\n")


def yolo_with_lists(root: Path) -> None:
    def make(split: str, name: str, boxes: list[Any]) -> None:
        picture(root / f"images/{name}.png")
        write(root / f"labels/{name}.txt", lines(boxes))

    each(make)
    write(root / "labels/classes.txt", "cell\nplate\n")
    for split, own in DATA.items():
        write(root / f"{split}.txt", "".join(f"./images/{name}.png\n" for name in own))


FORMS = (
    coco_beside,
    coco_official,
    coco_of_roboflow,
    voc_with_lists,
    voc_mixed,
    yolo_outside,
    yolo_inside,
    yolo_with_lists,
)


def read(root: Path, reader: str | None = None, **options: Any) -> Tables:
    return read_tables(root, DataPlan(reader=Choice(reader, options) if reader else None))


def boxes_of(tables: Tables) -> dict[str, dict[str, list[tuple[str, list[float]]]]]:
    """Return class and corners of each box by the name of its picture by split."""
    found: dict[str, dict[str, Any]] = {}
    for split, frame in tables.splits.items():
        cells = [parsed(cell) for cell in frame["boxes"]]
        found[split] = {
            path.stem: list(zip(cell.classes, cell.corners.tolist(), strict=True))
            for path, cell in zip(frame["image"], cells, strict=True)
        }
    return found


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_same_boxes_gives_the_same_rows(tmp_path: Path, form: Callable[[Path], None]) -> None:
    form(tmp_path)
    tables = read(tmp_path)
    assert not tables.wrong and tables.labels_hint == ("boxes",)
    splits = {"train": "train", "val": "validation", "test": "test"}
    found = boxes_of(tables)
    assert list(found) == list(splits.values())
    for split, own in DATA.items():
        assert list(found[splits[split]]) == list(own)
        for name, boxes in own.items():
            got = found[splits[split]][name]
            assert [cls for cls, _ in got] == [NAMES[place] for place, _ in boxes]
            assert np.allclose([c for _, c in got], [c for _, c in boxes], atol=0.01)
    for frame in tables.splits.values():
        assert [str(path.relative_to(tmp_path)) for path in frame["image"]] == list(frame.index)
    assert sum("1 of 4 pictures has no box" in note for note in tables.notes) == 1


@pytest.mark.parametrize("form", FORMS)
def test_one_reader_takes_a_folder_of_boxes(tmp_path: Path, form: Callable[[Path], None]) -> None:
    root = tmp_path / "outer" / "inner"
    form(root)
    takers = [name for name in plugins.names("readers") if plugins.build("readers", name, {}).matches(root)]
    assert takers == [form.__name__.partition("_")[0]]
    assert set(read(root.parent).splits) == {"train", "validation", "test"}


def test_masks_and_classes_are_not_boxes(tmp_path: Path) -> None:
    for name in "abc":
        picture(tmp_path / f"m/images/{name}.jpg")
        Image.new("L", SIZE).save(picture(tmp_path / f"m/labels/{name}.png"))
        picture(tmp_path / f"c/train/{name}/1.jpg")
        write(tmp_path / f"c/train/{name}/1.txt", "a caption")
    write(tmp_path / "m/notes.json", {"images": [{"id": 1}], "annotations": []})
    classes = [{"image_id": 1, "category_id": 1}]
    write(tmp_path / "c/train.json", {"images": [{"id": 1}], "annotations": classes, "categories": [{"id": 1}]})
    takers = {
        folder: [n for n in plugins.names("readers") if plugins.build("readers", n, {}).matches(tmp_path / folder)]
        for folder in ("m", "c")
    }
    assert takers == {"m": ["mask_folder"], "c": ["image_folder"]}


def test_a_lone_file_of_coco_is_the_data_and_not_a_table(tmp_path: Path) -> None:
    coco_official(tmp_path)
    tables = read(tmp_path / "annotations/instances_test2017.json")
    assert boxes_of(tables)["all"]["d"][0] == ("cell", [1, 1, 63, 47])
    assert list(tables.splits["all"].index) == ["images/test2017/d.png"]
    assert not any("left out" in note for note in tables.notes)
    left = "annotations/person_keypoints_test2017.json, annotations/person_keypoints_train2017.json, "
    assert any(note.startswith(f"files of COCO that are left out: {left}") for note in read(tmp_path).notes)


def test_a_split_without_annotations_has_no_labels(tmp_path: Path) -> None:
    coco_beside(tmp_path)
    content = coco({"d.png": []})
    del content["annotations"]
    write(tmp_path / "test.json", content)
    assert list(read(tmp_path).splits["test"]["boxes"]) == [None]
    yolo_outside(tmp_path / "yolo")
    (tmp_path / "yolo/labels/test/d.txt").unlink()
    tables = read(tmp_path / "yolo")
    assert list(tables.splits["test"]["boxes"]) == [None] and None not in list(tables.splits["train"]["boxes"])


def test_a_polygon_becomes_the_box_around_it_and_crowds_are_kept(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    content = coco({"a.png": [(0, (0, 0, 4, 4))]})
    shape = {"segmentation": [[1, 2, 9, 2, 5, 20], [3, 3, 12, 3, 4, 4]], "image_id": 10, "category_id": 5, "iscrowd": 1}
    content["annotations"].append(shape)
    write(tmp_path / "train.json", content)
    tables = read(tmp_path)
    found = parsed(tables.splits["train"]["boxes"].iloc[0])
    assert found.corners.tolist() == [[0, 0, 4, 4], [1, 2, 12, 20]] and found.crowd.tolist() == [False, True]
    assert "train.json: 1 annotation has no bbox; the box around its polygons is taken" in tables.notes
    picture(tmp_path / "y/images/a.png")
    write(tmp_path / "y/labels/a.txt", "3 0.25 0.25 0.75 0.25 0.5 0.5\n")
    tables = read(tmp_path / "y")
    assert boxes_of(tables)["all"]["a"] == [("3", [16, 12, 48, 24])]
    assert "1 line holds a polygon; the box around it is taken" in tables.notes
    assert any("called by their numbers" in note for note in tables.notes)


def test_classes_txt_names_the_classes_of_yolo(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    write(tmp_path / "labels/a.txt", "1 0.5 0.5 0.5 0.5\n\n")
    write(tmp_path / "labels/classes.txt", "cell\nplate\n")
    tables = read(tmp_path)
    assert boxes_of(tables)["all"]["a"] == [("plate", [16, 12, 48, 36])] and not tables.wrong
    assert "no box is of class 'cell'" in tables.notes


def test_pixels_of_voc_count_from_one_unless_a_box_begins_at_nought(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    write(tmp_path / "annotations/a.xml", xml([(0, (3, 4, 10, 12))]))
    tables = read(tmp_path)
    assert boxes_of(tables)["all"]["a"] == [("cell", [3, 4, 10, 12])]
    assert any("voc from_one=false" in note for note in tables.notes)
    assert boxes_of(read(tmp_path, "voc", from_one=False))["all"]["a"] == [("cell", [4, 5, 10, 12])]
    write(tmp_path / "annotations/a.xml", xml([(0, (3, 4, 10, 12)), (1, (-9, 4, 10, 12))]))  # outside tells nothing
    assert boxes_of(read(tmp_path))["all"]["a"] == [("cell", [3, 4, 10, 12]), ("plate", [0, 4, 10, 12])]
    write(tmp_path / "annotations/a.xml", xml([(0, (3, 4, 10, 12)), (1, (-1, 4, 10, 12))]))
    assert boxes_of(read(tmp_path))["all"]["a"] == [("cell", [4, 5, 10, 12]), ("plate", [0, 5, 10, 12])]


def test_without_a_list_for_training_alone_voc_trains_on_what_both_have_more(tmp_path: Path) -> None:
    voc_with_lists(tmp_path)
    (tmp_path / "ImageSets/Main/train.txt").unlink()
    tables = read(tmp_path)
    found = boxes_of(tables)
    assert not tables.wrong and list(found["train"]) == ["a", "b"] and list(found["validation"]) == ["c"]
    difficult = xml(DATA["test"]["d"]).replace("<bndbox>", "<difficult>1</difficult><bndbox>", 1)
    write(tmp_path / "Annotations/d.xml", difficult)
    assert parsed(read(tmp_path).splits["test"]["boxes"].iloc[0]).crowd.tolist() == [True, False]
    (tmp_path / "ImageSets/Main/test.txt").unlink()
    assert "1 picture that no list names is left out" in read(tmp_path).notes


def test_the_blood_cells_are_read_whole(shared: Callable[[str], Path]) -> None:
    tables = read(shared("data/image/bccd"))
    found = {split: [parsed(cell) for cell in frame["boxes"]] for split, frame in tables.splits.items()}
    counts = {split: (len(cells), sum(len(cell.classes) for cell in cells)) for split, cells in found.items()}
    assert counts == {"train": (205, 2804), "validation": (87, 1137), "test": (72, 945)}
    assert {name for cell in found["train"] for name in cell.classes} == {"Platelets", "RBC", "WBC"}
    assert tables.wrong == () and tables.notes == ()
