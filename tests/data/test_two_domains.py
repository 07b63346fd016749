"""Two domains: from one data set or two, what is learnt from, what is measured, and what is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.data.rows import Dataset

WORDS = {"cat": "purr meow whiskers", "dog": "bark wag fetch", "cow": "moo graze milk"}


def table(place: Path, classes: str, rows: int = 40, *, labelled: bool = True, tail: str = "") -> str:
    """Write sentences, each with its own number, of the named classes in turn."""
    names = classes.split()
    kinds = [names[row % len(names)] for row in range(rows)]
    columns: dict[str, Any] = {"text": [f"{WORDS[kind]} {row} {tail}" for row, kind in enumerate(kinds)]}
    if labelled:
        columns["label"] = kinds
    place.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(place, index=False)
    return str(place)


def both(folder: Path, **target: Any) -> tuple[str, DataPlan]:
    """Write two tables; return the first one's path, and the plan that names the other."""
    settings: dict[str, Any] = {"classes": "cat dog", "tail": "far away"} | target
    plain = {name: settings.pop(name) for name in ("transductive", "unseen") if name in settings}
    path = table(folder / "near.csv", "cat dog")
    return path, DataPlan(path=path, target=table(folder / "far.csv", **settings), **plain)


def fetched(folder: Path, **target: Any) -> Dataset:
    path, plan = both(folder, **target)
    return read(path, plan, seed=3)


def test_the_target_has_data_of_its_own(tmp_path: Path) -> None:
    data = fetched(tmp_path)
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 40, "test": 20}
    assert {name: len(rows) for name, rows in data.pools.items()} == {"train": 40, "source": 40, "target": 20}
    assert data.pools["target"].labels == {} and all(row.startswith("far.csv/") for row in data.pools["target"].ids)
    assert set(data.pools["target"].ids) & set(data.splits["test"].ids) == set()
    numbers = [rows.domains for rows in (data.pools["source"], data.pools["target"], data.splits["test"])]
    assert [set(part.tolist()) for part in numbers if part is not None] == [{0}, {1}, {1}]
    assert any(note == "domains: near.csv (labelled) to far.csv (labels only in the test split)" for note in data.notes)


def test_a_target_without_labels_is_learnt_from_and_not_measured(tmp_path: Path) -> None:
    data = fetched(tmp_path, labelled=False)
    assert len(data.pools["target"]) == 40 and "test" not in data.splits
    assert data.task.inputs == ("text",)


def test_what_is_learnt_from_does_not_depend_on_the_labels_of_the_target(tmp_path: Path) -> None:
    path, plan = both(tmp_path)
    first = read(path, plan, seed=3)
    frame = pd.read_csv(tmp_path / "far.csv")
    frame["label"] = np.random.default_rng(0).permutation(frame["label"])
    frame.to_csv(tmp_path / "far.csv", index=False)
    again = read(path, plan, seed=3)
    for name, rows in first.pools.items():
        assert list(rows.ids) == list(again.pools[name].ids)
    assert list(first.splits["test"].ids) == list(again.splits["test"].ids)
    assert (first.splits["test"].y != again.splits["test"].y).any()


def test_rows_of_classes_that_the_source_lacks_are_told_and_learnt_from(tmp_path: Path) -> None:
    data = fetched(tmp_path, classes="cat dog cow", rows=60)
    assert data.task.classes == ("cat", "dog")
    assert len(data.splits["test"]) == 20 and len(data.pools["target"]) == 20 + 20
    told = "20 rows of the target domain have a label that the source domain lacks (cow): whatever is answered for them"
    assert any(note.startswith(told) for note in data.notes)


def test_transductive_learns_from_the_test_rows_without_their_labels(tmp_path: Path) -> None:
    data = fetched(tmp_path, transductive=True)
    assert len(data.pools["target"]) == 40 and data.pools["target"].labels == {}
    assert set(data.splits["test"].ids) <= set(data.pools["target"].ids)
    assert any(note.startswith("transductive: the test rows are learnt from") for note in data.notes)


def test_an_unseen_target_only_tests(tmp_path: Path) -> None:
    data = fetched(tmp_path, classes="cat dog cow", rows=30, unseen=True)
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 40, "test": 20}
    assert {*data.pools} == {"train", "source"}, "nor are the cows anywhere"
    assert any("the source domain lacks (cow)" in note for note in data.notes)
    with pytest.raises(ValueError, match="a target domain that is unseen is not learnt from"):
        fetched(tmp_path, unseen=True, transductive=True)
    with pytest.raises(ValueError, match="a target domain that is unseen is not learnt from"):
        DataPlan(unseen=True, target_labels="few.csv")
    frame = pd.read_csv(tmp_path / "near.csv").assign(domain=["near", "near", "far", "far"] * 10)
    plan = DataPlan(source_domain=("near",), target_domain=("far",), unseen=True)
    rows = read({"train": frame[:30], "unlabelled": frame[30:].drop(columns="label")}, plan)
    assert len(rows.splits["test"]) == 14 and len(rows.pools["unlabelled"]) == 4


def test_a_domain_of_one_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"The target domain far\.csv has one row to learn from"):
        fetched(tmp_path, rows=1)


def test_rows_of_both_domains_are_told(tmp_path: Path) -> None:
    data = fetched(tmp_path, labelled=False, tail="")
    assert any(
        note.startswith("40 rows are in both domains, which makes these look nearer than they are: far.csv/")
        for note in data.notes
    )


def test_a_target_that_is_not_there_is_named(tmp_path: Path) -> None:
    path, _ = both(tmp_path)
    with pytest.raises(UsageError, match=r"There is no file or folder .*fra"):
        read(path, DataPlan(path=path, target=str(tmp_path / "fra.csv")))


def test_a_group_of_several_source_domains_has_numbers(tmp_path: Path) -> None:
    frame = pd.read_csv(table(tmp_path / "all.csv", "cat dog", 60))
    frame["domain"] = [("a", "b", "c")[row // 20] for row in range(60)]
    data = read(frame, DataPlan(source_domain=("b", "a"), target_domain=("c",)), seed=0)
    source = data.pools["source"]
    assert source.domains is not None
    place = {"b": 0, "a": 1}
    domains = frame["domain"].to_list()
    assert [domains[int(row.rpartition("[")[2].strip("]"))] for row in source.ids] == [
        next(name for name, number in place.items() if number == own) for own in source.domains
    ]
