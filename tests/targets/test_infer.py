"""Which kind of target label columns are read as, and labels that cannot be learnt; FAULT 34."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from headstart.core.cells import blank
from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan, TargetPlan
from headstart.core.task import kind_of
from headstart.data.read import read
from headstart.data.tables import make_frame
from headstart.targets._class_list import _order
from headstart.targets._infer import LabelCells
from headstart.targets.binary import Binary
from headstart.targets.multilabel import Multilabel

NUMBERS = np.random.default_rng(0).normal(size=(60, 4))
PLAIN = DataPlan()


def notes(dataset: Any) -> str:
    return "\n".join(dataset.notes)


@pytest.mark.parametrize(
    ("y", "kind", "classes"),
    [
        (["cat", "dog"] * 30, "binary", ("cat", "dog")),
        ([10, 9, 2] * 20, "multiclass", ("2", "9", "10")),
        (np.arange(60) % 30, "regression", ()),
        (np.linspace(0, 5, 60), "regression", ()),
        ([True, False] * 30, "binary", ("False", "True")),
        ([["a", "b"], ["b"], []] * 20, "multilabel", ("a", "b")),
        (np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]] * 20), "multilabel", ("label_0", "label_1", "label_2")),
        (np.eye(3, dtype=int)[np.arange(60) % 3], "multiclass", ("0", "1", "2")),  # one-hot rows
        (np.random.default_rng(1).normal(size=(60, 2)), "regression", ()),
    ],
)
def test_the_kind_follows_from_the_labels(y: Any, kind: str, classes: tuple[str, ...]) -> None:
    dataset = read((NUMBERS, y), PLAIN)
    assert (dataset.task.kind, dataset.task.classes) == (kind, classes)
    assert dataset.task.modality == "vector"
    targets = dataset.splits["train"].y
    assert targets is not None
    assert targets.dtype == (np.int64 if kind in {"binary", "multiclass"} else np.float32)
    assert f"read as {kind}" in notes(dataset)


def test_classes_have_one_order_even_beside_nan() -> None:
    for seed in range(20):  # the order in which a set is walked through must not show
        names = ["10", "nan", "9", "-1", "inf", "2"]
        np.random.default_rng(seed).shuffle(names)
        assert sorted(names, key=_order(set(names))) == ["-1", "10", "2", "9", "inf", "nan"]
    assert sorted(["10", "9", "-1"], key=_order({"10", "9", "-1"})) == ["-1", "9", "10"]


def test_34_one_class_or_a_constant_is_an_error_that_names_it() -> None:
    with pytest.raises(DataError, match="only one class, 'cat'"):
        read((NUMBERS, ["cat"] * 60), PLAIN)
    with pytest.raises(DataError, match=r"'label' is 2\.5 in every training row"):
        read((NUMBERS, [2.5] * 60), PLAIN)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1.0", "2.0", "3.0"] * 20, "regression"),  # whole numbers written as fractions measure something
        (["1", "2", "3"] * 20, "multiclass"),
        (list(range(60)), "regression"),
        ([3, 3, 7] * 20, "binary"),
        (["0.0", "1.0"] * 30, "binary"),
        ([n % 25 for n in range(150)], "multiclass"),  # numbered from 0, each often
        ([2 * (n % 25) for n in range(150)], "regression"),
    ],
)
def test_numbers_name_classes_or_measure(cells: list[Any], kind: str) -> None:
    inputs = np.random.default_rng(1).normal(size=(len(cells), 2))
    assert read((inputs, cells), PLAIN).task.kind == kind


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (DataPlan(labels=("a", "b"), task="binary"), "A binary task has one label column; 2 are named: a, b"),
        (
            DataPlan(labels=("a",), task="multiclass", separator="|"),
            "A separator is for multilabel tasks; the task is mult",
        ),
        (DataPlan(targets={"both": TargetPlan(("a", "word"))}), "Several label columns must hold numbers: a, word"),
        (DataPlan(labels=("a",), task="binery"), "There is no kind of target 'binery'. Did you mean 'binary'"),
    ],
)
def test_kinds_and_columns_that_do_not_go_together(plan: DataPlan, message: str) -> None:
    frame = pd.DataFrame({"x": NUMBERS[:, 0], "a": [0, 1] * 30, "b": [1, 0] * 30, "word": ["no", "yes"] * 30})
    with pytest.raises(UsageError, match=message):
        read(frame, plan)


DAY = pd.DataFrame(
    {
        "x": NUMBERS[:, 0],
        "y": NUMBERS[:, 1],
        "the mood": ["glad", "sad", "calm"] * 20,
        "sold": [0, 1] * 30,
        "new": [1, 0, 0] * 20,
        "price": NUMBERS[:, 0] * 7,
        "size": NUMBERS[:, 1] * 3,
        "town": ["Rome", "Oslo"] * 30,
    }
)


@pytest.mark.parametrize(
    ("labels", "kinds"),
    [
        (("the mood", "price"), {"the_mood": "multiclass", "price": "regression"}),
        (("sold", "price"), {"sold": "binary", "price": "regression"}),
        (("the mood", "town"), {"the_mood": "multiclass", "town": "binary"}),
        (("town", "town2"), {"town": "binary", "town2": "binary"}),
        (("price", "size"), {"target": "regression"}),
        (("sold", "new"), {"target": "multilabel"}),
    ],
)
def test_label_columns_of_one_kind_are_one_target_and_others_one_each(
    labels: tuple[str, ...], kinds: dict[str, str]
) -> None:
    data = read(DAY.assign(town2=DAY["town"]), DataPlan(labels=labels, inputs=("x", "y")))
    assert {name: kind_of(target) for name, target in data.task.targets.items()} == kinds
    assert [column for target in data.task.targets.values() for column in target.columns] == list(labels)
    assert any("each a target of its own" in note for note in data.notes) == (len(kinds) > 1)


def test_a_kind_that_is_named_makes_one_target_of_all_columns() -> None:
    data = read(DAY, DataPlan(labels=("sold", "price"), inputs=("x", "y"), task="regression"))
    assert data.task.kind == "regression" and data.task.labels == ("sold", "price")


def test_two_classes_are_not_three() -> None:
    with pytest.raises(DataError, match="A binary task has two classes; the column 'label' has 3: a, b, c"):
        read((NUMBERS, ["a", "b", "c"] * 20), DataPlan(task="binary"))


@pytest.mark.parametrize(
    ("columns", "numbers", "expected"),
    [
        ([["1", "0", " ", ""]], [1.0, 0.0], (False, False, True, 2)),
        ([["1", "x", "1", "NA"]], [1.0, 1.0], (False, True, False, 3)),
        ([["1.0", "nan", "nan", "7"]], [1.0, np.nan, np.nan, 7.0], (False, False, False, 4)),
        ([[True, None, False]], [1.0, 0.0], (False, True, True, 2)),
        ([[True, 1, np.nan]], [1.0, 1.0], (False, False, True, 1)),
        ([["0", "1"], [True, False]], [0.0, 1.0, 1.0, 0.0], (False, False, True, 2)),
        ([["0", "2"], [1, None]], [0.0, 2.0, 1.0], (False, False, False, 3)),
        ([[["a"], [], "a"]], [], (True, True, False, 3)),
        ([["", ""]], [], (False, True, True, 0)),
    ],
)
def test_label_columns_are_looked_at_as_a_whole(
    columns: list[list[Any]], numbers: list[float], expected: tuple[bool, bool, bool, int]
) -> None:
    frames = [make_frame({str(i): cells for i, cells in enumerate(columns)}, range_names(columns[0]))]
    if all(isinstance(cell, str) for cells in columns for cell in cells):
        text = {str(i): pa.chunked_array([pa.array(c, pa.large_string())]) for i, c in enumerate(columns)}
        frames.append(make_frame(text, range_names(columns[0])))
    for frame in frames:
        labels = LabelCells.of(frame, list(map(str, range(len(columns)))), None)
        np.testing.assert_array_equal(labels.numbers, numbers)
        assert (labels.lists, labels.words, labels.flags, labels.distinct) == expected
        filled = [cell for cells in columns for cell in cells if not blank(cell)]
        assert labels.cells == filled
        assert len(labels) == len(filled)


def range_names(cells: list[Any]) -> list[str]:
    return [f"r{row}" for row in range(len(cells))]


def test_missing_labels_are_named_in_text_as_in_objects() -> None:
    cells = ["a", "", "b", " ", "\u00a0", "a"]
    text = make_frame({"label": pa.chunked_array([pa.array(cells, pa.large_string())])}, range_names(cells))
    for frame in (text, make_frame({"label": cells}, range_names(cells))):
        with pytest.raises(DataError, match="3 labels are missing") as caught:
            Binary(("label",)).check_present({"train": frame})
        assert [problem.where for problem in caught.value.problems] == ["r1", "r3", "r4"]
        Multilabel(("label",)).check_present({"train": frame})  # a blank cell is a row without any of the classes
    with pytest.raises(DataError, match="2 labels are missing"):
        Multilabel(("label",)).check_present({"train": make_frame({"label": [None, "a", np.nan]}, "xyz")})
