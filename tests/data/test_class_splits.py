"""Splits of whole classes, where a task is asked of classes that training has not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.data.rows import Dataset


def table(folder: Path, classes: int, rows: int, **more: object) -> Path:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(classes * rows, 4)), columns=list("abcd"))
    frame["who"] = [f"class {place // rows}" for place in range(len(frame))]
    for name, cells in more.items():
        frame[name] = cells
    frame.to_csv(folder / "rows.csv", index=False)
    return folder / "rows.csv"


def found(path: Path, seed: int = 0, **plan: object) -> Dataset:
    return read(path, DataPlan(task="retrieval", labels=("who",), **plan), seed=seed)  # pyright: ignore[reportArgumentType]


def test_each_class_is_in_one_split_and_each_split_has_two(tmp_path: Path) -> None:
    for classes, rows in ((6, 120), (30, 20), (41, 12)):
        data = found(table(tmp_path, classes, rows))
        homes = [{*part.y.tolist()} for part in data.splits.values()]
        assert list(data.splits) == ["train", "validation", "test"]
        assert sum(map(len, homes)) == len(set().union(*homes)) == classes and min(map(len, homes)) >= 2
        share = len(data.splits["test"]) / (classes * rows)
        assert share == pytest.approx(max(0.15, 2 / classes), abs=1 / classes)


def test_the_seed_decides_which_classes(tmp_path: Path) -> None:
    path = table(tmp_path, 30, 20)
    held = [{*found(path, seed).splits["test"].y.tolist()} for seed in (0, 0, 1)]
    assert held[0] == held[1] != held[2]


def test_too_few_classes_are_not_divided_and_a_note_says_so(tmp_path: Path) -> None:
    data = found(table(tmp_path, 3, 60))
    assert list(data.splits) == ["train"]
    assert any(note.startswith("test: no rows were taken, as 2 classes are needed") for note in data.notes)


def test_classes_in_two_given_splits_are_all_listed_with_what_to_do(tmp_path: Path) -> None:
    split = ["train" if place % 10 else "test" for place in range(20)] + ["train"] * 20
    with pytest.raises(DataError) as caught:
        found(table(tmp_path, 4, 10, split=split))
    assert [problem.where for problem in caught.value.problems] == ["class 'class 0'", "class 'class 1'"]
    assert "9 in train, 1 in test" in str(caught.value) and "multiclass" in str(caught.value)


def test_classes_of_one_row_each_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least two classes in training, one of them with two rows"):
        found(table(tmp_path, 40, 1))


def test_a_group_beside_the_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="divided by class, and cannot be by group too"):
        found(table(tmp_path, 8, 10, person=[f"p{place % 5}" for place in range(80)]), group="person")
