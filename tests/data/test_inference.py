"""Infer tasks from tables and arrays; FAULTS 26, 34 and the real data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan
from headstart.core.types import Task
from headstart.data.read import read
from headstart.data.unlabelled import read_unlabelled
from headstart.targets.multilabel import Multilabel

TEXTS = [f"this is sentence number {i}" for i in range(60)]
NUMBERS = np.random.default_rng(0).normal(size=(60, 4))
PLAIN = DataPlan()


def notes(dataset: Any) -> str:
    return "\n".join(dataset.notes)


def test_a_copy_of_the_label_and_a_code_are_no_inputs() -> None:
    frame = pd.DataFrame({"id": range(60), "key": [f"k{i}" for i in range(60)], "text": TEXTS, "label": [0, 1] * 30})
    frame["category"] = ["no", "yes"] * 30
    dataset = read(frame, PLAIN)
    assert dataset.task == Task.of("text", "binary", ("text",), ("label",), ("0", "1"))
    assert "ignored: columns 'id', 'key', 'category'" in notes(dataset)


def test_two_texts_make_a_pair_and_a_separator_makes_several_labels() -> None:
    frame = pd.DataFrame({"premise": TEXTS, "hypothesis": TEXTS[::-1], "label": ["a|b", "b", "c"] * 20})
    dataset = read(frame, DataPlan(separator="|"))
    target = Multilabel(("label",), ("a", "b", "c"), separator="|")
    assert dataset.task == Task("text", ("premise", "hypothesis"), {"target": target})
    assert dataset.splits["train"].inputs[0][0].startswith("this is")


def test_flags_beside_a_text_are_several_labels() -> None:
    frame = pd.DataFrame({"comment": TEXTS, "rude": [0, 1] * 30, "angry": [0, 0, 1] * 20})
    assert read(frame, PLAIN).task.labels == ("rude", "angry")


def test_the_plan_overrides_every_guess() -> None:
    frame = pd.DataFrame({"a": NUMBERS[:, 0], "b": NUMBERS[:, 1], "text": TEXTS, "label": [0, 1, 2] * 20})
    dataset = read(frame, DataPlan(inputs=("b",), labels=("label",), task="regression"))
    assert dataset.task == Task.of("vector", "regression", ("b",), ("label",))
    assert read(frame, DataPlan(modality="vector")).task.inputs == ("a", "b")


def test_26_numbers_that_are_not_finite_are_named_by_row_and_column() -> None:
    bad = NUMBERS.copy()
    bad[3, 1], bad[7, 2] = np.nan, np.inf
    with pytest.raises(DataError) as caught:
        read((bad, [0, 1] * 30), PLAIN)
    assert [p.where for p in caught.value.problems] == ["all[3], column 1", "all[7], column 2"]
    frame = pd.DataFrame(NUMBERS, columns=["a", "b", "c", "target"]).astype(object)
    frame.loc[5, "b"], frame.loc[9, "target"] = "oops", np.inf
    with pytest.raises(DataError) as caught:
        read(frame, PLAIN)
    assert [p.where for p in caught.value.problems] == ["all[5], column 'b'", "all[9], column 'target'"]


def test_a_table_without_a_label_says_so() -> None:
    with pytest.raises(UsageError, match="There is no label column"):
        read(pd.DataFrame({"text": TEXTS}), PLAIN)
    with pytest.raises(UsageError, match="60 different values in 60 rows"):
        read(pd.DataFrame({"n": NUMBERS[:, 0], "name": TEXTS}), PLAIN)


def test_a_saved_task_decides_columns_and_classes() -> None:
    task = Task.of("text", "multiclass", ("text",), ("label",), ("a", "b", "c"))
    frame = pd.DataFrame({"text": TEXTS, "label": ["c", "a"] * 30})
    dataset = read(frame, DataPlan(), task=task, whole=True)
    assert list(dataset.splits) == ["test"]
    assert dataset.splits["test"].y.tolist() == [2, 0] * 30  # pyright: ignore[reportOptionalMemberAccess]
    with pytest.raises(DataError, match="class 'z'"):
        read(pd.DataFrame({"text": TEXTS, "label": ["z"] * 60}), DataPlan(), task=task, whole=True)


def test_the_same_seed_gives_the_same_splits_to_evaluation() -> None:
    frame = pd.DataFrame({"text": TEXTS, "label": ["c", "a"] * 30})
    first = read(frame, PLAIN, seed=3)
    again = read(frame, PLAIN, seed=3, task=first.task)
    assert list(first.splits["test"].ids) == list(again.splits["test"].ids)
    assert first.fingerprint == again.fingerprint
    frame.loc[0, "label"] = "a"
    assert read(frame, PLAIN, seed=3).fingerprint != first.fingerprint


def test_nothing_fits_and_misspelt_paths_are_explained(tmp_path: Path) -> None:
    (tmp_path / "animals").mkdir()
    with pytest.raises(UsageError, match=r"Did you mean '.*animals'"):
        read(tmp_path / "animls" / "train", PLAIN)
    with pytest.raises(UsageError, match=r"The folder .*animals is empty"):
        read(tmp_path / "animals", PLAIN)
    (tmp_path / "animals" / "notes.doc").touch()
    with pytest.raises(UsageError) as caught:
        read(tmp_path / "animals", PLAIN)
    for word in ("notes.doc", "image_folder:", "table:", "memory:", "hf_dataset:"):
        assert word in str(caught.value)


REAL = [
    ("data/image/hymenoptera", "image", "binary", ("image",), 2, (244, 153, 0)),
    ("data/text/sst2", "text", "binary", ("text",), 2, (6920, 872, 1821)),
    ("data/text/trec", "text", "multiclass", ("text",), 6, (4634, 818, 500)),
    ("data/text/thucnews", "text", "multiclass", ("text",), 10, (8500, 1500, 10000)),
    ("data/text/waimai", "text", "binary", ("text",), 2, (8123, 1433, 2424)),
    ("data/text/stsb/en", "text", "regression", ("sentence1", "sentence2"), 0, (5749, 1500, 1379)),
    ("data/text/amazon_domains/books", "text", "binary", ("text",), 2, (4082, 720, 1198)),
    ("data/image/mnist_t10k/mnist_t10k.npz", "image", "multiclass", ("images",), 10, (7225, 1275, 1500)),
]


@pytest.mark.parametrize(("path", "modality", "kind", "inputs", "classes", "sizes"), REAL, ids=[r[0] for r in REAL])
def test_real_data_is_read_with_the_right_task(
    shared: Callable[[str], Path],
    path: str,
    modality: str,
    kind: str,
    inputs: tuple[str],
    classes: int,
    sizes: tuple[int],
) -> None:
    dataset = read(shared(path), PLAIN)
    assert (dataset.task.modality, dataset.task.kind, dataset.task.inputs) == (modality, kind, inputs)
    assert len(dataset.task.classes) == classes
    counts = [len(dataset.splits[s]) if s in dataset.splits else 0 for s in ("train", "validation", "test")]
    assert tuple(counts) == sizes


@pytest.mark.slow
def test_real_domains_of_images_and_of_text(shared: Callable[[str], Path]) -> None:
    pacs = read(shared("data/image/pacs"), DataPlan(source_domain=("photo",), target_domain=("art_painting",)))
    assert (len(pacs.task.classes), len(pacs.pools["target"]), len(pacs.splits["test"])) == (7, 1024, 1024)
    plan = DataPlan(source_domain=("books", "dvd"), target_domain=("kitchen",))
    reviews = read(shared("data/text/amazon_domains"), plan)
    assert reviews.task.kind == "binary"
    assert all(row.startswith("kitchen/test.csv") for row in reviews.splits["test"].ids)
    with pytest.raises(UsageError, match="Did you mean 'kitchen'"):
        read(shared("data/text/amazon_domains"), DataPlan(source_domain=("books",), target_domain=("kitchn",)))


def test_arrays_of_scikit_learn_are_read_with_the_right_task() -> None:
    from sklearn.datasets import load_diabetes, load_digits, load_wine

    digits: Any = load_digits()
    wine: Any = load_wine(as_frame=True)
    assert read((digits.data, digits.target), PLAIN).task.kind == "multiclass"
    assert read((digits.images / 16, digits.target), PLAIN).task.modality == "image"
    assert read(load_diabetes(return_X_y=True), PLAIN).task.kind == "regression"
    assert read(wine.frame, PLAIN).task.labels == ("target",)


def test_examples_to_predict_on_come_in_many_shapes(tmp_path: Path) -> None:
    from PIL import Image

    text = Task.of("text", "binary", ("text",), ("label",), ("a", "b"))
    assert read_unlabelled(["one", "two"], PLAIN, text)[0].inputs == ["one", "two"]
    (tmp_path / "a.csv").write_text("id,text\n1,hello\n2,world\n")
    rows, _ = read_unlabelled(tmp_path / "a.csv", PLAIN, text)
    assert (rows.inputs, list(rows.ids)) == (["hello", "world"], ["a.csv:2", "a.csv:3"])
    with pytest.raises(DataError, match="Did you mean 'txt'"):
        read_unlabelled(pd.DataFrame({"txt": ["x"]}), PLAIN, text)
    pair = Task.of("text", "regression", ("s1", "s2"), ("score",))
    assert read_unlabelled([("a", "b")], PLAIN, pair)[0].inputs == [("a", "b")]
    with pytest.raises(DataError, match="not a pair"):
        read_unlabelled(["a"], PLAIN, pair)
    vector = Task.of("vector", "binary", ("a", "b"), ("y",), ("0", "1"))
    assert read_unlabelled(np.ones((3, 2)), PLAIN, vector)[0].inputs.shape == (3, 2)
    assert read_unlabelled(np.ones(2), PLAIN, vector)[0].inputs.shape == (1, 2)
    with pytest.raises(DataError, match="2 columns"):
        read_unlabelled(np.ones((3, 5)), PLAIN, vector)
    image = Task.of("image", "binary", ("image",), ("label",), ("a", "b"))
    folder = tmp_path / "flat"
    folder.mkdir()
    Image.new("RGB", (4, 4)).save(folder / "x.png")
    assert len(read_unlabelled(folder, PLAIN, image)[0]) == 1
    assert len(read_unlabelled(folder / "x.png", PLAIN, image)[0]) == 1
    items = [Image.new("RGB", (4, 4)), np.zeros((4, 4), dtype=np.uint8), str(folder / "x.png")]
    assert len(read_unlabelled(items, PLAIN, image)[0]) == 3
    for shape in ((6, 5, 3), (6, 5, 4), (6, 5)):  # one picture, not six rows of pixels
        assert len(read_unlabelled(np.zeros(shape, dtype=np.uint8), PLAIN, image)[0]) == 1
    assert len(read_unlabelled(np.zeros((2, 6, 5, 3), dtype=np.uint8), PLAIN, image)[0]) == 2
    (folder / "y.png").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DataError, match=r"y.png: is a pointer of Git LFS"):
        read_unlabelled(folder, PLAIN, image)
    (folder / "y.png").unlink()
    (folder / "y.png").touch()
    with pytest.raises(DataError, match=r"y.png: is empty"):
        read_unlabelled(folder, PLAIN, image)


def test_rows_by_name_are_read_one_by_one_and_together(tmp_path: Path) -> None:
    text = Task.of("text", "binary", ("text",), ("label",), ("a", "b"))
    frame = pd.DataFrame({"label": ["a"], "text": ["hello"]})
    for data in ([{"text": "hello"}], {"text": "hello"}, {"text": ["hello"]}, frame.iloc[0], frame.to_dict("records")):
        assert read_unlabelled(data, PLAIN, text)[0].inputs == ["hello"], data
    vector = Task.of("vector", "binary", ("a", "b"), ("y",), ("0", "1"))
    for data in ([{"b": 2, "a": 1}], {"b": 2, "a": 1}, pd.Series({"b": 2, "a": 1, "c": 3})):
        assert read_unlabelled(data, PLAIN, vector)[0].inputs.tolist() == [[1, 2]], data
    assert read_unlabelled(pd.Series(["x", "y"]), PLAIN, text)[0].inputs == ["x", "y"]
    (tmp_path / "a.csv").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(DataError, match=r"a.csv is a pointer of Git LFS.*git lfs pull"):
        read_unlabelled(tmp_path / "a.csv", PLAIN, text)


def test_columns_that_are_no_input_say_why() -> None:
    frame = pd.DataFrame({"a": [1] * 20, "id": range(20), "label": ["x", "y"] * 10})
    with pytest.raises(
        UsageError, match=r"No column is fit as input\. .*: a \(number: the same in every row\), id \(number: .+\)"
    ):
        read(frame, PLAIN)


def test_a_number_among_lists_is_told_and_no_crash() -> None:
    frame = pd.DataFrame({"x": pd.Series([[1.0, 2.0]] * 59 + [5], dtype=object), "label": [0, 1] * 30})
    with pytest.raises(
        UsageError, match=r"No column is fit as input\. Columns beside the labels: x \(list: neither .*\)"
    ):
        read(frame, PLAIN)
