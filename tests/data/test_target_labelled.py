"""A few labelled rows of the target domain: whose labels are learnt, and what is never measured on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.data.rows import Dataset

WORDS = {"cat": "purr meow", "dog": "bark wag", "cow": "moo graze"}


def table(place: Path, rows: int, *, first: int = 0, classes: str = "cat dog", tail: str = "") -> str:
    """Write sentences, each with its own number, of the named classes in turn."""
    names = classes.split()
    kinds = [names[row % len(names)] for row in range(rows)]
    texts = [f"{WORDS[kind]} {row + first} {tail}" for row, kind in enumerate(kinds)]
    pd.DataFrame({"text": texts, "label": kinds}).to_csv(place, index=False)
    return str(place)


def plan_of(folder: Path, **few: Any) -> DataPlan:
    settings: dict[str, Any] = {"rows": 4, "first": 100} | few
    return DataPlan(
        path=table(folder / "near.csv", 40),
        target=table(folder / "far.csv", 40, tail="far"),
        target_labels=table(folder / "few.csv", tail="far", **settings),
    )


def fetched(plan: DataPlan) -> Dataset:
    return read(plan.path, plan, seed=3)


def test_labelled_rows_of_the_target_are_a_pool_of_their_own(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    data, without = fetched(plan), fetched(replace(plan, target_labels=None))
    few = data.pools["target_labelled"]
    assert list(few.ids) == [f"few.csv/few.csv:{line}" for line in range(2, 6)] and few.y.tolist() == [0, 1, 0, 1]
    assert few.domains is not None and few.domains.tolist() == [1] * 4
    assert "domains: near.csv (labelled) to far.csv (labels only in the test split and of 4 rows)" in data.notes
    for name, rows in {**without.pools, **without.splits}.items():
        assert list(rows.ids) == list({**data.pools, **data.splits}[name].ids), "all else is as without them"
    assert set(data.pools) - set(without.pools) == {"target_labelled"}


def test_a_row_that_is_learnt_with_its_label_is_not_drawn_for_the_test(tmp_path: Path) -> None:
    data = fetched(plan_of(tmp_path, rows=12, first=0))
    few = set(data.pools["target_labelled"].digests)
    assert len(data.splits["test"]) + len(data.pools["target"]) == 40 - 12
    assert not few & {*data.splits["test"].digests, *data.pools["target"].digests}
    assert "target: 12 of 40 rows are among the labelled ones" in data.notes


def test_a_test_row_among_the_labelled_ones_is_refused(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, rows=6, first=0)
    folder = tmp_path / "far"
    folder.mkdir()
    table(folder / "train.csv", 20, first=50, tail="far")
    table(folder / "test.csv", 4, tail="far")
    with pytest.raises(DataError, match="4 test rows are among the labelled rows of the target") as caught:
        fetched(replace(plan, target=str(folder)))
    assert caught.value.problems[0].where == "far/test.csv:2" and "few.csv/few.csv:2" in caught.value.problems[0].what


def test_the_labels_are_known_again_by_the_fingerprint(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    first = fetched(plan)
    few = pd.read_csv(tmp_path / "few.csv")
    few["label"] = np.roll(few["label"].to_numpy(), 1)
    few.to_csv(tmp_path / "few.csv", index=False)
    again = fetched(plan)
    assert first.fingerprint != again.fingerprint
    assert list(first.splits["test"].ids) == list(again.splits["test"].ids)


def test_what_cannot_be_a_labelled_row_of_the_target_is_named(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    with pytest.raises(UsageError, match="names rows of a target domain"):
        fetched(replace(plan, target=None))
    with pytest.raises(DataError, match="cow"):
        fetched(plan_of(tmp_path, classes="cat cow"))
    pd.DataFrame({"text": ["purr"], "label": [""]}).to_csv(tmp_path / "few.csv", index=False)
    with pytest.raises(DataError, match=r"(?s)label.*few\.csv"):
        fetched(plan)
    with pytest.raises(DataError, match="no row to learn from without labels"):
        fetched(plan_of(tmp_path, rows=40, first=0))


def test_pictures_of_one_data_set_with_labelled_ones_beside(tmp_path: Path) -> None:
    for place, shade in (("all/photo", 0), ("all/painting", 60), ("few", 120)):
        for label in ("cat", "dog"):
            (tmp_path / place / label).mkdir(parents=True)
            for number in range(2 if place == "few" else 8):
                pixels = np.full((8, 8, 3), shade + 20 * (label == "dog") + number, np.uint8)
                Image.fromarray(pixels).save(tmp_path / place / label / f"{number}.png")
    plan = DataPlan(source_domain=("photo",), target_domain=("painting",), target_labels=str(tmp_path / "few"))
    data = read(tmp_path / "all", plan, seed=0)
    assert data.pools["target_labelled"].y.tolist() == [0, 0, 1, 1] and len(data.pools["target"]) == 8
    (tmp_path / "few/cat/0.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"(?s)few/cat/0\.png"):
        read(tmp_path / "all", plan, seed=0)
