"""Cells of a label column that may be meant otherwise: read rightly where that is certain, else told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.core.errors import DataError, HeadstartError, UsageError
from headstart.core.interface import command_line
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.targets._doubts import amount, several, written_list

SETS = [["red", "blue"], ["red"], ["blue", "green"], ["green", "red"], ["blue"], ["red", "green", "blue"]]
ROWS = 36


def frame(labels: list[Any], name: str = "label") -> Any:
    import pandas as pd

    return pd.DataFrame({"text": [f"a sentence with the number {i}" for i in range(len(labels))], name: labels})


def told(data: Any, plan: DataPlan | None = None) -> list[str]:
    with command_line():
        notes = read(data, plan or DataPlan()).notes
    return [note for note in notes if note.startswith("label: column") and "read as" not in note]


def refused(data: Any, plan: DataPlan | None = None) -> str:
    with command_line(), pytest.raises(HeadstartError) as caught:
        read(data, plan or DataPlan())
    return str(caught.value)


@pytest.mark.parametrize("sign", ["|", ";", ", ", " / ", "&", " "])
def test_several_labels_in_a_cell_are_told_with_the_separator(sign: str, tmp_path: Path) -> None:
    data = frame([sign.join(SETS[i % 6]) for i in range(ROWS)])
    path = tmp_path / "a.csv"
    data.to_csv(path, index=False)
    option = {" ": "' '", ", ": ",", " / ": "/"}.get(sign, f"'{sign}'")
    expected = [
        f"label: column 'label': cells such as 'red{sign}blue' seem to hold several labels: --separator {option}"
    ]
    assert told(data) == told(path) == expected
    assert told(data, DataPlan(separator=sign.strip() or sign)) == []
    assert told(data, DataPlan(task="multilabel")) == expected  # the separator was left out
    assert told(data, DataPlan(task="multiclass")) == []


def test_36_classes_of_two_words_each_are_told() -> None:
    words = ["red", "blue", "green", "pink", "grey", "gold", "black", "white", "brown"]
    pairs = [f"{a}|{b}" for i, a in enumerate(words) for b in words[i + 1 :]]
    assert len(pairs) == ROWS
    assert "seem to hold several labels: --separator '|'" in told(frame(pairs * 2))[0]
    assert "seem to hold several labels: --separator '|'" in refused(frame(pairs))


@pytest.mark.parametrize(
    "cells",
    [
        ["New York", "New Jersey", "Rhode Island", "Texas"],
        ["sport", "world news", "local news", "weather"],
        ["animal/dog", "animal/cat", "plant/rose", "plant/tulip"],
        ["a", "b"],
        ["2024-01-01", "2024-02-01"],
    ],
)
def test_names_of_several_words_are_not_suspected(cells: list[str]) -> None:
    assert several(cells) == "" and amount(cells) == ""


@pytest.mark.parametrize(
    "write", [str, json.dumps, lambda names: str(np.array(names)), lambda names: str(tuple(names)), list, np.array]
)
@pytest.mark.parametrize("route", ["frame", "csv"])
def test_lists_in_cells_are_several_labels_however_they_are_written(
    write: Callable[[list[str]], Any], route: str, tmp_path: Path
) -> None:
    data: Any = frame([write(SETS[i % 6]) for i in range(ROWS)])
    if route == "csv":
        data.to_csv(tmp_path / "a.csv")
        data = tmp_path / "a.csv"
    dataset = read(data, DataPlan(test=0.0, validation=0.0))
    assert dataset.task.kind == "multilabel" and dataset.task.classes == ("blue", "green", "red")
    assert dataset.splits["train"].y[:2].tolist() == [[1, 0, 1], [0, 0, 1]]


def test_what_is_no_list_stays_text() -> None:
    for cell in ("[broken", "[see below]", "{1: 2}", "f(x)", "[[1], [2]]", "", "[" * 5000 + "]" * 5000, None, 3):
        assert written_list(cell) is None
    assert written_list("[]") == [] and written_list("['it\\'s', \"b\"]") == ["it's", "b"]


@pytest.mark.parametrize("write", ["${:,}", "{:,}", "{} %", "{},50 €", "{}.5 kg", "-{:,}.00", "USD{:,}", "£{}"])
@pytest.mark.parametrize("named", [True, False])
def test_amounts_with_signs_are_no_classes(write: str, named: bool) -> None:
    labels = [write.format(1000 * (i + 1) + 123) for i in range(ROWS)]
    if write == "USD{:,}":
        assert amount(labels) == ""
        return
    message = refused(frame(labels, "price"), DataPlan(labels=("price",)) if named else None)
    assert f"cells such as '{labels[0]}' seem to be numbers: write them plainly, as 1200.5" in message
    assert ("--task multiclass" in message) is named and ("--label price" in message) is not named
    few = [write.format(1000 * (1 + i % 3)) for i in range(ROWS)]
    assert "seem to be numbers" in told(frame(few))[0]
    assert told(frame(few), DataPlan(task="multiclass")) == []


@pytest.mark.parametrize("plan", [DataPlan(labels=("label",)), DataPlan(task="multiclass")])
@pytest.mark.parametrize("cells", [list(range(ROWS)), [f"class {i}" for i in range(ROWS)]])
def test_a_class_for_each_row_is_refused(plan: DataPlan, cells: list[Any]) -> None:
    if cells[0] == 0 and plan.task is None:
        assert read(frame(cells), plan).task.kind == "regression"
        return
    message = refused(frame(cells), plan)
    assert message.startswith(
        "Each of the 36 classes in column 'label' has one row only, so that nothing can be learnt"
    )
    assert "--task regression" in message and "--label" in message


def test_187_rows_of_187_classes_and_one_row_a_class_beside_a_test() -> None:
    with pytest.raises(
        UsageError, match=r"has 187 different values in 187 rows. If it is the label, name it \(label='l"
    ):
        read(frame([f"c{i}" for i in range(187)]), DataPlan())
    few = frame([f"c{i}" for i in range(5)])
    test = frame([f"c{i % 5}" for i in range(10)])
    assert len(read({"train": few, "test": test}, DataPlan()).splits["test"]) == 10
    with pytest.raises(DataError, match="Each of the 5 classes"):
        read({"train": few}, DataPlan())


def test_whole_numbers_name_the_other_reading_and_gaps_change_none(tmp_path: Path) -> None:
    stars = [1 + i % 5 for i in range(ROWS)]
    classes = "label: column 'label': whole numbers, taken for classes (--task regression: for amounts)"
    amounts = "label: column 'label': whole numbers, taken for amounts (--task multiclass: for classes)"
    assert told(frame(stars)) == [classes]
    assert told(frame([i % 5 for i in range(ROWS)])) == told(frame([i % 2 for i in range(ROWS)])) == []
    assert told(frame([float(star) for star in stars])) == [amounts]
    assert told(frame([1.0 + i % 2 for i in range(ROWS)])) == [amounts]
    halves = [note.partition(": ")[2] for note in told(frame([0.5 * star for star in stars]))]
    assert halves == ["column 'label': 5 different numbers, taken for amounts (--task multiclass: for classes)"]
    assert told(frame([0.37 * i for i in range(ROWS)])) == []
    gaps = frame([*stars[:-1], None])  # pandas makes them floats
    gaps.to_csv(tmp_path / "floats.csv", index=False)
    gaps.astype({"label": "Int64"}).to_csv(tmp_path / "whole.csv", index=False)
    for data in (gaps, gaps.astype({"label": "Int64"}), tmp_path / "floats.csv", tmp_path / "whole.csv"):
        dataset = read(data, DataPlan(blank_labels="unlabelled"))
        assert [float(name) for name in dataset.task.classes] == [1, 2, 3, 4, 5] and len(
            dataset.pools["unlabelled"]
        ) == 1
