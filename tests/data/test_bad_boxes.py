"""What is wrong with boxes is listed, each with its file and its row; what can be mended is mended and said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from box_files import SIZE, coco, lines, picture, write, xml
from headstart.core.errors import BadRows, DataError
from headstart.core.recipe import DataPlan
from headstart.data.find import read_tables
from headstart.data.left_out import usable
from headstart.data.tables import Tables
from headstart.targets._boxes import parsed

GOOD = (0, (1, 2, 10, 12))


def read(root: Path) -> Tables:
    return read_tables(root, DataPlan())


def listed(tables: Tables) -> list[str]:
    return [str(problem) for error in tables.wrong for problem in error.problems]


def of_coco(root: Path, **more: Any) -> Tables:
    """Read two pictures, the second of which is right, with another content of the file."""
    for name in ("a.png", "b.png"):
        picture(root / "images" / name)
    write(root / "train.json", coco({"a.png": [GOOD], "b.png": [GOOD]}) | more)
    return read(root)


def annotation(**more: Any) -> dict[str, Any]:
    return {"id": 7, "image_id": 10, "category_id": 5, "bbox": [1, 2, 9, 10]} | more


OUTSIDE = "lies outside the picture of 64 x 48 pixels"


@pytest.mark.parametrize(
    ("found", "where", "what"),
    [
        (
            {"category_id": 9},
            "images/a.png",
            "annotation 7: has category id 9; known are 5 (cell), 4 (plate)",
        ),
        ({"category_id": None}, "images/a.png", "has category id None"),
        ({"image_id": 99}, "train.json, annotation 7", "is of image 99, which the file has not"),
        ({"image_id": [1]}, "train.json, annotation 7", "is of image [1], which the file has not"),
        ({"bbox": [1, 2, 0, 10]}, "images/a.png", "the box of class cell has no size: it is 0 wide and 10 high"),
        ({"bbox": [1, 2, 3, -1]}, "images/a.png", "has no size: it is 3 wide and -1 high"),
        ({"bbox": [1, 2, 0.001, 5]}, "images/a.png", "the box of class cell is less than 0.01 pixel wide or high"),
        ({"bbox": [64, 2, 3, 4]}, "images/a.png", f"the box of class cell (64, 2, 67, 6) {OUTSIDE}"),
        ({"bbox": [1, -9, 3, 9]}, "images/a.png", OUTSIDE),
        ({"bbox": [1, 2, float("nan"), 4]}, "images/a.png", "bbox is [1, 2, nan, 4], not 4 numbers"),
        ({"bbox": [1, 2, float("inf"), 4]}, "images/a.png", "bbox is [1, 2, inf, 4], not 4 numbers"),
        ({"bbox": [1, "2", 3, 4]}, "images/a.png", "bbox is [1, '2', 3, 4], not 4 numbers"),
        ({"bbox": [1, 2, 3]}, "images/a.png", "bbox is [1, 2, 3], not 4 numbers"),
        ({"bbox": None}, "images/a.png", "has neither a bbox nor a polygon of numbers"),
        ({"bbox": [], "segmentation": {"counts": "x", "size": [1, 2]}}, "images/a.png", "neither a bbox nor a polygon"),
        ({"bbox": [], "segmentation": [[1, 2, 3]]}, "images/a.png", "neither a bbox nor a polygon"),
    ],
)
def test_a_bad_annotation_is_told_with_its_picture(tmp_path: Path, found: Any, where: str, what: str) -> None:
    tables = of_coco(tmp_path, annotations=[annotation(), annotation(**found)])
    (said,) = listed(tables)
    assert said.startswith(f"{where}: ") and what in said
    with pytest.raises(BadRows, match="cannot be read as pictures with boxes"):
        usable(tables, {})
    bad = {row: problem for error in tables.wrong for row, problem in error.rows.items()}
    left = usable(tables, bad).splits["train"]
    assert "images/b.png" in left.index and ("images/a.png" in left.index) == (where != "images/a.png")


OTHER_SIZE = "is 64 x 48 pixels, and its boxes are of a picture of"
IMAGE = {"id": 11, "file_name": "b.png", "width": 64, "height": 48}


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (IMAGE | {"id": 12, "file_name": "no.png"}, "train.json, image 12: there is no file 'no.png' (looked for"),
        (IMAGE | {"file_name": "c.png"}, "images/c.png: train.json, image 11: the id is that of b.png, too"),
        (IMAGE | {"id": 12}, "images/b.png: is listed 2 times, here for the split 'train'"),
        (IMAGE | {"id": None}, "train.json, image None: has no id or no file_name"),
        (IMAGE | {"id": 12, "file_name": "x" * 999}, "train.json, image 12: there is no file 'xxx"),
        ({"id": 12}, "train.json, image 12: has no id or no file_name"),
        ("c.png", "train.json, image no. 3: has no id or no file_name"),
        (IMAGE | {"id": 12, "file_name": "c.png", "width": 9}, f"images/c.png: {OTHER_SIZE} 9 x 48"),
        (IMAGE | {"id": 12, "file_name": "d.png"}, "images/d.png: cannot be opened"),
    ],
)
def test_a_bad_image_is_told(tmp_path: Path, image: Any, what: str) -> None:
    picture(tmp_path / "images/c.png")
    write(tmp_path / "images/d.png", "no picture")
    images = coco({"a.png": [], "b.png": []})["images"]
    tables = of_coco(tmp_path, images=[*images, image])
    assert any(said.startswith(what) for said in listed(tables)), listed(tables)
    assert "images/a.png" in tables.splits["train"].index


def test_a_picture_of_two_splits_is_told(tmp_path: Path) -> None:
    write(tmp_path / "test.json", coco({"a.png": [GOOD]}))
    said = listed(of_coco(tmp_path))
    assert said == [f"images/a.png: is listed 2 times, here for the split '{split}'" for split in ("test", "train")]


def test_boxes_that_reach_beyond_are_cut_and_counted(tmp_path: Path) -> None:
    found = [annotation(bbox=[-5, 40, 20, 30]), annotation(bbox=[1, 2, 63.05, 3]), annotation(bbox=[60, 2, 9, 3])]
    tables = of_coco(tmp_path, annotations=found)
    assert parsed(tables.splits["train"]["boxes"].iloc[0]).corners.tolist() == [
        [0, 40, 15, 48],
        [1, 2, 64, 5],  # by less than the rounding of a file
        [60, 2, 64, 5],
    ]
    assert not tables.wrong and tables.notes == (
        "2 boxes reach beyond their picture and are cut at its edge, as in images/a.png",
        "1 of 2 pictures has no box",
        "no box is of class 'plate'",
    )


def test_pictures_that_no_file_lists_are_told(tmp_path: Path) -> None:
    picture(tmp_path / "images/new.png")
    assert "1 picture that no file lists is left out: images/new.png" in of_coco(tmp_path).notes


def test_categories_of_one_name_are_one_class_and_of_one_id_none(tmp_path: Path) -> None:
    same = [{"id": 4, "name": "cell"}, {"id": 5, "name": "cell"}]
    tables = of_coco(tmp_path, categories=same, annotations=[annotation(), annotation(category_id=4)])
    assert parsed(tables.splits["train"]["boxes"].iloc[0]).classes == ("cell", "cell")
    assert "train.json: categories of one name are one class: cell" in tables.notes
    with pytest.raises(DataError, match=r"category no. 2: has id 5, as 'cell' has"):
        of_coco(tmp_path, categories=[{"id": 5, "name": "cell"}, {"id": 5, "name": "plate"}])
    with pytest.raises(DataError, match=r"category no. 1: has no id or no name"):
        of_coco(tmp_path, categories=[{"id": 5, "name": " "}])


def test_a_damaged_file_of_coco_is_told_by_its_line(tmp_path: Path) -> None:
    of_coco(tmp_path)
    write(tmp_path / "train.json", '{"images": [],\n"categories": [],\n"annotations": [')
    with pytest.raises(DataError, match=r"train.json:3: .* \(is the file cut off\?\)"):
        read(tmp_path)
    write(tmp_path / "train.json", coco({}) | {"annotations": {}})
    with pytest.raises(DataError, match=r"train.json is no file of COCO: annotations must be a list"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (xml([GOOD])[:-5], "a.png: a.xml:1 is not XML: "),
        (xml([GOOD], before='<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), "a.png: a.xml has a <!DOCTYPE>"),
        (xml([GOOD]).replace("cell", "&x;"), "a.png: a.xml:1 is not XML: undefined entity"),
        ("<html></html>", "a.png: a.xml is a <html>, not an <annotation> of Pascal VOC"),
        (xml([GOOD], (48, 64)), "a.png: is 64 x 48 pixels, and its boxes are of a picture of 48 x 64"),
        (xml([GOOD]).replace("<name>cell</name>", ""), "a.png: a.xml, object 1: has no name"),
        (xml([GOOD]).replace("bndbox", "box"), "a.png: a.xml, object 1: has no bndbox"),
        (xml([GOOD]).replace("<xmin>2<", "<xmin>left<"), "a.png: a.xml, object 1: the box of class cell is ['left', "),
        (xml([GOOD]).replace("<xmin>2<", "<xmin>nan<"), "a.png: a.xml, object 1: the box of class cell is [nan, "),
        (xml([GOOD]).replace("<xmin>2</xmin>", ""), "a.png: a.xml, object 1: the box of class cell is [None, "),
        (xml([GOOD, (1, (70, 2, 80, 9))]), f"a.png: a.xml, object 2: the box of class plate (70, 2, 80, 9) {OUTSIDE}"),
        (xml([(0, (5, 2, 5, 9))]), "a.png: a.xml, object 1: the box of class cell has no size: it is 0 wide"),
    ],
)
def test_a_bad_file_of_voc_is_told_with_its_picture(tmp_path: Path, content: str, what: str) -> None:
    for name in "ab":
        picture(tmp_path / f"{name}.png")
    write(tmp_path / "a.xml", content)
    write(tmp_path / "b.xml", xml([GOOD], (0, 0)))  # no size is said
    tables = read(tmp_path)
    (said,) = listed(tables)
    assert said.startswith(what) and list(tables.splits["all"].index) == ["b.png"]


def test_what_lists_of_voc_lack_is_told(tmp_path: Path) -> None:
    for name in "abc":
        picture(tmp_path / f"JPEGImages/{name}.png")
        write(tmp_path / f"Annotations/{name}.xml", xml([GOOD]))
    (tmp_path / "Annotations/c.xml").unlink()
    write(tmp_path / "Annotations/d.xml", xml([GOOD]))
    write(tmp_path / "ImageSets/Main/train.txt", "a\n\nc\ngone\n")
    write(tmp_path / "ImageSets/Main/test.txt", "b\na\n")
    tables = read(tmp_path)
    assert sorted(listed(tables)) == [
        "Annotations/d.xml: is a file of boxes without a picture (add the picture, or delete the file)",
        "ImageSets/Main/test.txt:2: 'a' is in ImageSets/Main/train.txt:1, too, for 'train' (delete one of them)",
        "ImageSets/Main/train.txt:4: there is no picture 'gone' with any ending",
    ]
    assert "train: 1 of 2 pictures has no XML file, and is taken to show nothing" in tables.notes
    assert "1 of 3 pictures has no box" in tables.notes


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("0 0.5 0.5 0.1", "has 4 numbers, and a box has 5: class cx cy w h"),
        ("0", "has 1 number, and"),
        ("0 0.5 0.5 0.1 0.1 0.9", "has 6 numbers, and"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "has 8 numbers, and"),
        ("0 32 24 10 10", "'0 32 24 10 10' has numbers outside 0 to 1: boxes are shares of the picture, not pixels"),
        ("0 0.5 0.5 0.1 -0.1", "outside 0 to 1"),
        ("0 0.5 0.5 nan 0.1", "outside 0 to 1"),
        ("0 0.5 0.5 wide 0.1", "'0 0.5 0.5 wide 0.1' is not all numbers"),
        ("2 0.5 0.5 0.1 0.1", "has class 2; known are 0 to 1"),
        ("-1 0.5 0.5 0.1 0.1", "has class -1; known"),
        ("0.5 0.5 0.5 0.1 0.1", "has class 0.5; known"),
        ("0 0.5 0.5 0 0.1", ": the box of class cell has no size: it is 0 wide and 4.8 high"),
    ],
)
def test_a_bad_line_of_yolo_is_told_with_its_picture(tmp_path: Path, line: str, what: str) -> None:
    for name in "ab":
        picture(tmp_path / f"images/{name}.png")
        write(tmp_path / f"labels/{name}.txt", lines([GOOD]))
    write(tmp_path / "labels/a.txt", f"{lines([GOOD])}\n{line}\n")
    write(tmp_path / "classes.txt", "cell\nplate")
    tables = read(tmp_path)
    (said,) = listed(tables)
    assert said.startswith("images/a.png: labels/a.txt:3") and what in said
    assert list(tables.splits["all"].index) == ["images/b.png"]


def test_a_class_below_nought_is_wrong_without_names_too(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    write(tmp_path / "labels/a.txt", "-1 0.5 0.5 0.1 0.1")
    assert listed(read(tmp_path)) == ["images/a.png: labels/a.txt:1 has class -1"]


def test_what_yolo_lacks_or_has_twice_is_told(tmp_path: Path) -> None:
    for name in "abc":
        picture(tmp_path / f"images/{name}.png")
        write(tmp_path / f"labels/{name}.txt", "0 0.5 0.5 1.0005 1.0005\n" if name == "b" else "")
    Image.new("RGB", SIZE).save(tmp_path / "images/a.jpg")
    (tmp_path / "labels/c.txt").rename(tmp_path / "labels/d.txt")
    write(tmp_path / "other.yml", "nothing: here")
    write(tmp_path / "set.yaml", "names: [cell, cell]")
    tables = read(tmp_path)
    assert listed(tables) == [
        "labels/d.txt: is a file of boxes without a picture (add the picture, or delete the file)",
        "images/a.png: is called like a.jpg, which has the boxes of labels/a.txt",
    ]
    assert tables.notes == (
        "classes of one name are one class: cell",
        "all: 1 of 4 pictures has no label file, and is taken to show nothing",
        "2 of 4 pictures have no box",
    )
    assert parsed(tables.splits["all"].loc["images/b.png", "boxes"]).corners.tolist() == [[0, 0, 64, 48]]
    write(tmp_path / "data.yaml", "names:\n  - [cell")
    with pytest.raises(DataError, match=r"data.yaml:\d+: "):
        read(tmp_path)
    (tmp_path / "data.yaml").write_bytes(b"names: [\xff]")
    with pytest.raises(DataError, match=r"data.yaml cannot be read as text in UTF-8"):
        read(tmp_path)
    write(tmp_path / "data.yaml", "names: {one: cell}")
    with pytest.raises(DataError, match="names has the key 'one'; keys are the numbers"):
        read(tmp_path)
