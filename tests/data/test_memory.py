"""Read arrays, frames and data sets in memory; FAULTS 63 for .npy and .npz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan, TargetPlan
from headstart.data.read import read
from headstart.data.tables import join

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.arange(40) % 2


class Canary:
    """A pickle of it creates a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_63_arrays_with_pickled_objects_are_refused_unread(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    np.savez(tmp_path / "a.npz", x=np.array([Canary(canary)] * 4, dtype=object), y=np.arange(4))
    with pytest.raises(DataError, match="pickled"):
        read(tmp_path / "a.npz", DataPlan())
    np.save(tmp_path / "b.npy", np.array([Canary(canary)], dtype=object))
    with pytest.raises(DataError, match="pickled"):
        read(tmp_path / "b.npy", DataPlan())
    assert not canary.exists()


def test_splits_come_by_name_and_from_keras_names(tmp_path: Path) -> None:
    by_name = read({"train": (X, Y), "val": (X + 1, Y), "test": (X + 2, Y)}, DataPlan())
    np.savez(tmp_path / "a.npz", x_train=X, y_train=Y, x_test=X + 2, y_test=Y)
    from_file = read(tmp_path / "a.npz", DataPlan())
    assert [len(by_name.splits[s]) for s in ("train", "validation", "test")] == [40, 40, 40]
    assert by_name.splits["validation"].ids[3] == "validation[3]"
    assert len(from_file.splits["test"]) == 40 and from_file.task.kind == "binary"


def test_frames_keep_their_names_and_their_index() -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=[f"p{i}" for i in range(40)])
    dataset = read((frame, pd.Series(Y, name="sick")), DataPlan())
    assert dataset.task.inputs == ("a", "b", "c")
    assert set(dataset.splits["train"].ids) <= {f"all[p{i}]" for i in range(40)}


def test_parts_of_unequal_length_are_an_error() -> None:
    with pytest.raises(DataError, match="x has 40, label has 39"):
        read((X, Y[:-1]), DataPlan())
    with pytest.raises(DataError, match="no examples"):
        read((X[:0], Y[:0]), DataPlan())


def test_pictures_and_lists_of_numbers_are_told_apart() -> None:
    pictures = [Image.new("L", (4, 4), i) for i in range(40)]
    assert read((pictures, Y), DataPlan()).task.modality == "image"
    assert read((X.tolist(), Y.tolist()), DataPlan()).task.modality == "vector"
    with pytest.raises(DataError, match="scale them"):
        read((np.full((40, 4, 4), 16.0), Y), DataPlan())


def test_hugging_face_data_sets_from_memory_and_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "picture": datasets.Image(),
            "kind": datasets.ClassLabel(names=["zebra", "ant"]),
            "id": datasets.Value("string"),
        }
    )
    rows = {
        "picture": [Image.new("RGB", (4, 4), (i, 0, 0)) for i in range(20)],
        "kind": [i % 2 for i in range(20)],
        "id": [f"k{i}" for i in range(20)],
    }
    data = datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows, features=features)})
    dataset = read(data, DataPlan())
    assert (dataset.task.modality, dataset.task.classes) == ("image", ("ant", "zebra"))
    data.save_to_disk(str(tmp_path / "saved"))
    assert len(read(tmp_path / "saved", DataPlan()).splits["train"]) == len(dataset.splits["train"])


def test_a_data_set_that_is_not_reachable_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")

    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(DataError, match="save_to_disk"):
        read("hf:some/name", DataPlan())
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(UsageError, match=r"headstart\[datasets\]"):
        read("hf:some/name", DataPlan())


def test_pairs_of_texts_are_two_columns_and_three_texts_are_not() -> None:
    pairs = read(([("a cat", "a dog"), ("one", "two")] * 20, ["yes", "no"] * 20), DataPlan())
    assert pairs.task.inputs == ("text_a", "text_b")


def test_rows_of_one_name_are_each_told_once() -> None:
    frame = pd.DataFrame({"x": [1, 2, 3, 4]}, index=pd.Index(["a", "b", "a", "c"], dtype=object))
    with pytest.raises(DataError) as caught:
        join([frame, frame.iloc[:0]])
    assert [problem.where for problem in caught.value.problems] == ["a"]


def test_labels_by_name() -> None:
    plan = DataPlan(targets={"sort": TargetPlan(("sort",)), "size": TargetPlan(("size",))})
    dataset = read((X, {"sort": ["a", "b"] * 20, "size": X[:, 0] * 2}), plan)
    assert {name: target.columns for name, target in dataset.task.targets.items()} == {
        "sort": ("sort",),
        "size": ("size",),
    }
    assert dataset.task.inputs == ("x",)


def test_a_column_of_labels_is_one_label() -> None:
    dataset = read((X, Y.reshape(-1, 1)), DataPlan())
    assert dataset.task.labels == ("label",) and dataset.task.kind == "binary"
    wide = read((X, X[:, :2]), DataPlan(task="regression"))
    assert wide.task.labels == ("label_0", "label_1")
