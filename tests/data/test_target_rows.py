"""What is learnt from of a target domain: files without labels, copies of others, classes that it seems to lack."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from headstart.core.errors import DataError
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.data.rows import Dataset

LACKS = "no labelled row of the target domain is of "


def pictures(folder: Path, count: int, seed: int) -> list[Path]:
    """Write so many pictures of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    made = [folder / f"{seed}_{number}.png" for number in range(count)]
    for path in made:
        Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)
    return made


@pytest.fixture
def near(tmp_path: Path) -> list[Path]:
    """Write a source domain; return the pictures of its first class."""
    pictures(tmp_path / "near" / "dog", 30, 2)
    return pictures(tmp_path / "near" / "cat", 30, 1)


def fetched(folder: Path, **settings: Any) -> Dataset:
    plan = DataPlan(path=str(folder / "near"), target=str(folder / "far"), **settings)
    return read(plan.path, plan, seed=0)


def told(data: Dataset, words: str) -> list[str]:
    return [note for note in data.notes if words in note]


def test_a_folder_of_files_is_a_target(tmp_path: Path, near: list[Path]) -> None:
    pictures(tmp_path / "far", 12, 3)
    data = fetched(tmp_path)
    assert {name: len(rows) for name, rows in data.pools.items()} == {"train": 60, "source": 60, "target": 12}
    assert data.pools["target"].labels == {} and all(row.startswith("far/3_") for row in data.pools["target"].ids)
    assert told(data, "rows of the target domain without any label: 12, in the pool 'target'") and not told(data, LACKS)
    domains = data.pools["target"].domains
    assert domains is not None and set(domains.tolist()) == {1}


def test_files_without_labels_beside_others_are_of_the_pool_too(tmp_path: Path, near: list[Path]) -> None:
    for label, seed in {"cat": 3, "dog": 4}.items():
        pictures(tmp_path / "far" / label, 10, seed)
    pictures(tmp_path / "far" / "unlabelled", 7, 5)
    pictures(tmp_path / "far" / "yak", 3, 6)  # a class that the source lacks
    data = fetched(tmp_path)
    assert len(data.splits["test"]) == 10 and len(data.pools["target"]) == 10 + 7 + 3 and "unlabelled" not in data.pools
    assert not any("/5_" in row for row in data.splits["test"].ids)


def test_one_file_is_no_domain_and_nor_is_one_row_of_a_source(tmp_path: Path, near: list[Path]) -> None:
    pictures(tmp_path / "far", 1, 3)
    with pytest.raises(DataError, match="The target domain far has one row to learn from"):
        fetched(tmp_path)
    frame = pd.DataFrame({"x": np.arange(41.0), "domain": ["s", "t"] * 20 + ["one"]})
    frame["label"] = ["a", "a", "b", "b"] * 10 + ["a"]
    with pytest.raises(DataError, match="The source domain one has one row; a domain is many rows"):
        read(frame, DataPlan(source_domain=("s", "one"), target_domain=("t",)), seed=0)


def test_a_test_picture_that_is_learnt_from_without_its_label_is_refused(tmp_path: Path, near: list[Path]) -> None:
    (first, *_) = pictures(tmp_path / "far" / "test" / "cat", 6, 3)
    pictures(tmp_path / "far" / "test" / "dog", 6, 4)
    pictures(tmp_path / "far" / "unlabelled", 7, 5)
    shutil.copy(first, tmp_path / "far" / "unlabelled" / "again.png")
    with pytest.raises(DataError, match="1 row without labels is in test too") as found:
        fetched(tmp_path)
    assert [problem.where for problem in found.value.problems] == ["far/unlabelled/again.png"]
    data = fetched(tmp_path, transductive=True)
    assert len(data.pools["target"]) == 8 + 12 and told(data, "transductive: 1 row without labels is in test too")


@pytest.mark.parametrize("place", ["pool", "few", "validation"])
def test_a_picture_of_both_domains_is_told(tmp_path: Path, near: list[Path], place: str) -> None:
    pictures(tmp_path / "far", 12, 3)
    pictures(tmp_path / "few" / "cat", 2, 4)
    pictures(tmp_path / "few" / "dog", 2, 5)
    settings: dict[str, Any] = {"target_labels": str(tmp_path / "few")}
    assert not told(fetched(tmp_path, **settings), "in both domains")
    copied = near[0]
    if place == "validation":
        settings["validation"] = 0.3
        held = fetched(tmp_path, **settings).splits["validation"].ids
        copied = next(path for path in near if f"cat/{path.name}" in held)
    shutil.copy(copied, tmp_path / ("few/cat" if place == "few" else "far") / "again.png")
    (note,) = told(fetched(tmp_path, **settings), "1 row is in both domains, which makes these look nearer")
    assert note.endswith(f"{'few/cat' if place == 'few' else 'far'}/again.png")


def test_classes_of_the_source_that_the_target_seems_to_lack_are_told(tmp_path: Path, near: list[Path]) -> None:
    pictures(tmp_path / "near" / "cow", 30, 6)
    for label, seed in {"cat": 3, "dog": 4}.items():
        pictures(tmp_path / "far" / label, 10, seed)
    (note,) = told(fetched(tmp_path), LACKS)
    assert note.startswith(f"{LACKS}1 of 3 classes (cow): if there is none at all") and "source_only" in note
    pictures(tmp_path / "few" / "cow", 2, 7)
    assert not told(fetched(tmp_path, target_labels=str(tmp_path / "few")), LACKS)
    pictures(tmp_path / "far" / "cow", 10, 8)
    assert not told(fetched(tmp_path), LACKS)
