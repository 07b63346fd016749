"""Cells of boxes: what is written is read again, and what is wrong with a cell is said."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from headstart.targets._boxes import BadBoxes, in_text, is_boxes, parsed, written

ONE = '[{"class": "RBC", "box": [1, 2, 30.5, 40]}]'


def test_a_cell_is_read_and_written_with_whole_numbers_and_hundredths() -> None:
    text = written(["RBC", "WBC"], np.array([[1, 2, 30.504, 40], [0, 0, 5, 6.006]]), [False, True])
    assert json.loads(text) == [
        {"class": "RBC", "box": [1, 2, 30.5, 40]},
        {"class": "WBC", "box": [0, 0, 5, 6.01], "crowd": True},
    ]
    found = parsed(text)
    assert found.classes == ("RBC", "WBC") and found.crowd.tolist() == [False, True] and found.scores is None
    assert found.corners.tolist() == [[1, 2, 30.5, 40], [0, 0, 5, 6.01]]
    assert written(found.classes, found.corners, found.crowd) == text


def test_a_prediction_is_a_label_with_scores() -> None:
    found = parsed(written(["a", "b"], [[0, 0, 1, 1], [0, 0, 2, 2]], scores=[0.1234567, 1]))
    assert found.scores is not None and found.scores.tolist() == [0.123457, 1.0]


def test_no_box_is_a_label_too() -> None:
    found = parsed(written([], np.empty((0, 4))))
    assert written([], []) == "[]" and found.corners.shape == (0, 4) and found.scores is None and not found.classes
    assert is_boxes("[]") and is_boxes(" [ ] ") and is_boxes([])


def test_the_form_of_torchvision_and_a_list_are_cells() -> None:
    cell = {"boxes": torch.tensor([[1, 2, 30.5, 40]]), "labels": ["RBC"]}
    assert in_text(cell) == ONE and is_boxes(cell) and is_boxes(json.loads(ONE))
    assert parsed(cell).corners.tolist() == parsed(json.loads(ONE)).corners.tolist() == [[1, 2, 30.5, 40]]
    more = {"boxes": [[0, 0, 1, 1]], "labels": torch.tensor([3]), "iscrowd": [1], "scores": [0.5]}
    assert json.loads(in_text(more)) == [{"class": "3", "box": [0, 0, 1, 1], "crowd": True, "score": 0.5}]
    assert in_text({"boxes": torch.empty(0, 4), "labels": []}) == "[]"


@pytest.mark.parametrize("cell", ["cat", "", "3", "[1, 2]", '{"class": 1}', None, 4.0, {"bytes": b""}, ["a"]])
def test_what_holds_no_boxes_is_seen_at_its_beginning(cell: Any) -> None:
    assert not is_boxes(cell)


def test_a_damaged_cell_is_meant_to_be_boxes() -> None:
    assert is_boxes(ONE[:-4]) and is_boxes('[{"score": 0.5, "box": [')


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        (ONE[:-2], "is not JSON"),
        ('{"class": 1}', "is no list of boxes, but dict"),
        ("3", "is no list of boxes, but int"),
        ('[{"class": "a"}]', r"box 1 is not \{"),
        ('[{"class": " ", "box": [0, 0, 1, 1]}]', "box 1 has no class"),
        ('[{"class": "a", "box": [0, 0, 1]}]', r"box 1 of class a is \[0, 0, 1\], not 4 numbers"),
        ('[{"class": "a", "box": [0, 0, 1, NaN]}]', "not 4 numbers"),
        ('[{"class": "a", "box": [0, 0, 1, 1e999]}]', "not 4 numbers"),
        ('[{"class": "a", "box": [0, 0, true, 1]}]', "not 4 numbers"),
        (ONE[:-1] + ', {"class": "b", "box": [5, 0, 5, 1]}]', "box 2 of class b has no size: x 5 to 5, y 0 to 1"),
        ('[{"class": "a", "box": [0, 0, 1, 1], "score": 1}, {"class": "a", "box": [0, 0, 1, 1]}]', "box 2 has the sc"),
        ({"boxes": [[0, 0, 1, 1]], "labels": []}, "has 1 boxes, and another number of labels"),
        ({"boxes": [[0, 0, 1]], "labels": ["a"]}, "boxes are not 4 numbers each"),
    ],
)
def test_bad_cells_say_what_is_wrong(cell: Any, what: str) -> None:
    with pytest.raises(BadBoxes, match=what):
        parsed(cell)
