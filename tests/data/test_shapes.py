"""Usual shapes of data that are not plain: columns without a name, tables named after splits, wrapped folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.data.tables import splits_of

ROWS = 12


def frame(**more: Any) -> Any:
    import pandas as pd

    texts = [f"a sentence with the number {i}" for i in range(ROWS)]
    return pd.DataFrame({"text": texts, "label": ["a", "b"] * (ROWS // 2), **more})


@pytest.mark.parametrize("index", [None, [5, 3, 5, *range(20, 29)], [f"row {i}" for i in range(ROWS)]])
@pytest.mark.parametrize("quotes", [False, True])
def test_the_index_of_a_frame_is_ignored_by_every_route(index: Any, quotes: bool, tmp_path: Path) -> None:
    import pandas as pd

    whole = frame() if not quotes else frame(text=[f'some "text", {i}' for i in range(ROWS)])
    whole.index = index if index is not None else whole.index
    whole.to_csv(tmp_path / "a.csv")
    again = pd.read_csv(tmp_path / "a.csv")
    again.to_csv(tmp_path / "twice.csv")
    again.to_parquet(tmp_path / "again.parquet")
    whole.to_parquet(tmp_path / "whole.parquet")
    for data in (whole, again, *(tmp_path / n for n in ("a.csv", "twice.csv", "again.parquet", "whole.parquet"))):
        dataset = read(data, DataPlan())
        assert dataset.task.inputs == ("text",) and dataset.task.classes == ("a", "b")
    told = "ignored: column 'Unnamed: 0' (an index, without a name), which input= takes all the same"
    assert told in read(tmp_path / "a.csv", DataPlan()).notes
    assert read(tmp_path / "a.csv", DataPlan(inputs=("Unnamed: 0",))).task.inputs == ("Unnamed: 0",)


def test_an_index_is_no_number_of_a_table_and_no_label(tmp_path: Path) -> None:
    import pandas as pd

    whole = pd.DataFrame({"a": [i * 1.5 for i in range(ROWS)], "b": ["x", "y"] * 6}, index=[1, 2] * 6)
    whole.to_csv(tmp_path / "a.csv")
    for data in (tmp_path / "a.csv", pd.read_csv(tmp_path / "a.csv")):
        assert read(data, DataPlan()).task.inputs == ("a",)
    (tmp_path / "b.csv").write_text(
        "".join(f"{line},\n" for line in ["text,label", *["some words,a", "other words,b"] * 5])
    )
    assert read(tmp_path / "b.csv", DataPlan()).task.targets["target"].columns == ("label",)
    text = (tmp_path / "b.csv").read_text()
    (tmp_path / "b.csv").write_text(text.replace("label", "kind"))
    assert read(tmp_path / "b.csv", DataPlan()).task.targets["target"].columns == ("kind",)
    (tmp_path / "c.csv").write_text("text,,label\nsome words,1,a\n")
    with pytest.raises(DataError, match="column 2 has no name"):
        read(tmp_path / "c.csv", DataPlan())


@pytest.mark.parametrize(
    ("names", "splits", "doubtful"),
    [
        (["train", "dev"], ["train", "validation"], []),
        (["train-00000-of-00002", "train-00001-of-00002", "test_1"], ["train", "train", "test"], []),
        (["train", "test15", "test16"], ["train", "test", "test"], ["test15", "test16"]),
        (["train", "test", "test15"], ["train", "test", None], []),
        (["imdb_train", "imdb_test", "readme"], ["train", "test", None], ["imdb_train", "imdb_test"]),
        (["test15", "data"], [None, None], []),
        (["training_hours", "other"], [None, None], []),
        (["train", "train_labels", "val"], ["train", None, "validation"], []),
        (["test", "dev"], ["test", "validation"], []),
        (["train_test", "data"], [None, None], []),
    ],
)
def test_which_tables_are_splits(names: list[str], splits: list[str | None], doubtful: list[str]) -> None:
    found, doubted = splits_of(names)
    assert [found.get(name) for name in names] == splits
    assert list(doubted) == doubtful


def test_a_split_by_a_doubtful_name_is_told_and_a_lone_one_is_none(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "test15.csv", index=False)
    assert sum(map(len, read(tmp_path, DataPlan()).splits.values())) == ROWS
    frame(text=[f"other words {i}" for i in range(ROWS)]).to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(UsageError, match="has 2 tables; name one of them, or call them train, dev and test"):
        read(tmp_path, DataPlan())
    (tmp_path / "data.csv").rename(tmp_path / "train.csv")
    dataset = read(tmp_path, DataPlan())
    assert len(dataset.splits["test"]) == ROWS
    assert "test15.csv is read as the split 'test' by its name; rename it if it is none" in dataset.notes


def test_a_table_that_shows_how_to_hand_in_answers_is_no_data(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "labels.csv", index=False)
    (tmp_path / "sample_submission.csv").write_text("id,label\n1,a\n")
    assert read(tmp_path, DataPlan()).task.inputs == ("text",)


def without_labels(kind: str) -> Any:
    test = frame(text=[f"other words {i}" for i in range(ROWS)])
    if kind in {"column", "more"}:
        test = test.drop(columns="label")
        return test.assign(id=range(ROWS)) if kind == "more" else test
    return test.assign(label={"blank": "", "missing": None, "-1": "-1", "?": "?"}[kind])


@pytest.mark.parametrize("kind", ["column", "more", "blank", "missing", "-1", "?"])
@pytest.mark.parametrize("route", ["csv", "jsonl", "parquet", "frames", "hf"])
def test_a_test_without_labels_is_set_aside_by_every_route(kind: str, route: str, tmp_path: Path) -> None:
    parts = {"train": frame(), "test": without_labels(kind)}
    data: Any = tmp_path
    if route == "frames":
        data = parts
    elif route == "hf":
        datasets = pytest.importorskip("datasets")
        data = datasets.DatasetDict({name: datasets.Dataset.from_pandas(part) for name, part in parts.items()})
    for name, part in parts.items() if data is tmp_path else ():
        path = tmp_path / f"{name}.{route}"
        if route == "jsonl":
            part.to_json(path, orient="records", lines=True)
        else:
            part.to_csv(path, index=False) if route == "csv" else part.to_parquet(path)
    dataset = read(data, DataPlan())
    assert {name: len(rows) for name, rows in dataset.splits.items()} == {"train": ROWS}
    place = repr(str(tmp_path / f"test.{route}")) if data is tmp_path else "DATA"
    told = f"12 rows without labels are set aside (hs.load(RUN).predict({place}) answers them)"
    assert f"test: {told}" in dataset.notes
    with pytest.raises(DataError, match=r"No row has a label \(column label\)"):
        read({"test": parts["test"]}, DataPlan(), task=dataset.task)


def test_a_label_column_of_another_name_and_missing_labels_are_errors() -> None:
    test = without_labels("blank")
    for name in ("lable", "class"):
        with pytest.raises(DataError, match="There is no column 'label'"):
            read({"train": frame(), "test": test.rename(columns={"label": name})}, DataPlan())
    test.loc[3, "label"] = "a"
    with pytest.raises(DataError, match="11 labels are missing"):
        read({"train": frame(), "test": test}, DataPlan())
    train = frame(label=["-1", "1"] * 6)
    assert len(read({"train": train, "test": without_labels("-1")}, DataPlan()).splits["test"]) == ROWS


@pytest.mark.parametrize("table", ["metadata.csv", "labels.jsonl"])
def test_tables_beside_the_pictures_of_their_split(table: str, tmp_path: Path) -> None:
    from PIL import Image

    for k, split in enumerate(["train", "test"]):
        (tmp_path / split).mkdir()
        rows = [{"file_name": f"{i}.png", "label": "ab"[i % 2]} for i in range(4)]
        for i in range(4):
            Image.new("RGB", (4, 4), (i, k, 0)).save(tmp_path / split / f"{i}.png")
        import pandas as pd

        whole = pd.DataFrame(rows)
        path = tmp_path / split / table
        whole.to_json(path, orient="records", lines=True) if "json" in table else whole.to_csv(path, index=False)
    dataset = read(tmp_path, DataPlan())
    assert dataset.task.modality == "image" and {n: len(r) for n, r in dataset.splits.items()} == {
        "train": 4,
        "test": 4,
    }
    assert dataset.splits["train"].ids[0].startswith(f"train/{table}:")


def test_tables_in_several_folders_ask_for_one_or_for_domains(tmp_path: Path) -> None:
    for name in ("books", "films"):
        (tmp_path / name).mkdir()
        frame().to_csv(tmp_path / name / "train.csv", index=False)
    with pytest.raises(
        UsageError, match=r"tables in books/, films/. Name one .* domains with source_domain= and target_"
    ):
        read(tmp_path, DataPlan())
    assert len(read(tmp_path, DataPlan(source_domain=("books",), target_domain=("films",))).splits["train"]) == ROWS
