"""Tables as others write them: JSON of several shapes, packed files, lines of text."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from headstart.core.errors import DataError, HeadstartError
from headstart.core.recipe import DataPlan
from headstart.core.types import Task
from headstart.data.read import read
from headstart.data.readers.table import Table
from headstart.data.unlabelled import read_unlabelled

FRAME = pd.DataFrame(
    {"text": [f"this is sentence {i}" for i in range(20)], "label": [("good", "bad")[i % 2] for i in range(20)]}
)


def cells(path: Path) -> dict[str, list[object]]:
    return {str(name): list(column) for name, column in Table().read(path).splits["all"].items()}


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read(path, DataPlan())
    return str(caught.value)


def test_json_is_read_as_records_as_columns_and_as_lines(tmp_path: Path) -> None:
    FRAME.to_json(tmp_path / "records.json", orient="records")
    FRAME.to_json(tmp_path / "columns.json")
    FRAME.to_json(tmp_path / "lines.json", orient="records", lines=True)
    FRAME.to_json(tmp_path / "table.json", orient="table", index=False)
    (tmp_path / "lists.json").write_text(json.dumps(FRAME.to_dict("list")))
    for path in tmp_path.iterdir():
        assert cells(path) == FRAME.to_dict("list"), path.name
    assert list(Table().read(tmp_path / "records.json").splits["all"].index)[:2] == ["records.json:1", "records.json:2"]
    assert read(tmp_path / "records.json", DataPlan()).task.classes == ("bad", "good")


def test_a_key_that_some_records_lack_is_missing_there(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"text": "x"}, {"label": "b"}]')
    assert cells(tmp_path / "a.json") == {"text": ["x", None], "label": [None, "b"]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"images": [{"id": 1}], "annotations": [{"id": 1}]}', "an object with 'images' (a list of 1), 'annotations'"),
        ('{"text": ["a", "b"], "label": ["x"]}', "'text' (a list of 2), 'label' (a list of 1)"),
        ('{"text": {"0": "a"}, "label": {"1": "x"}}', "'text' (an object), 'label' (an object)"),
        ("[1, 2]", "holds a list of 2"),
        ("[]", "holds a list of 0"),
        ("{}", "an object with nothing in it"),
        ('{"text": [], "label": []}', "has no records"),
        ('"words"', "holds a single value"),
        ('[{"text": "a"}, {"te', "a.json:1: Unterminated string"),
        ("[" * 100_000, "cannot be read as JSON"),
    ],
)
def test_other_json_is_refused_with_what_it_holds(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "a.json").write_text(content)
    assert said in refused(tmp_path / "a.json")


@pytest.mark.parametrize("packed", ["gz", "bz2", "xz", "zip"])
def test_packed_tables_are_read_as_the_plain_ones(tmp_path: Path, packed: str) -> None:
    FRAME.to_csv(tmp_path / f"a.csv.{packed}", index=False)
    FRAME.to_csv(tmp_path / f"b.TSV.{packed}", index=False, sep="\t")
    FRAME.to_json(tmp_path / f"c.jsonl.{packed}", orient="records", lines=True)
    FRAME.to_json(tmp_path / f"d.json.{packed}", orient="records")
    for path in tmp_path.iterdir():
        assert cells(path) == FRAME.to_dict("list"), path.name


def test_a_folder_of_packed_tables_has_its_splits(tmp_path: Path) -> None:
    for name in ("train", "test"):
        (FRAME if name == "train" else FRAME.assign(text=FRAME["text"] + " again")).to_csv(
            tmp_path / f"{name}.csv.gz", index=False
        )
    found = read(tmp_path, DataPlan())
    assert len(found.splits["test"]) == 20
    assert not any("by its name" in note for note in found.notes)
    inner = tmp_path / "wrap" / "inner"
    inner.mkdir(parents=True)
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv.gz").rename(inner / f"{name}.csv.gz")
    assert len(read(tmp_path / "wrap", DataPlan()).splits["test"]) == 20


def test_a_cut_or_wrong_packed_file_is_named(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "a.csv.gz", index=False)
    whole = (tmp_path / "a.csv.gz").read_bytes()
    (tmp_path / "a.csv.gz").write_bytes(whole[: len(whole) // 2])
    assert "a.csv.gz cannot be unpacked" in refused(tmp_path / "a.csv.gz")
    (tmp_path / "b.csv.gz").write_bytes(b"text,label\nx,a\n")
    assert "b.csv.gz cannot be unpacked" in refused(tmp_path / "b.csv.gz")
    with zipfile.ZipFile(tmp_path / "c.csv.zip", "w") as archive:
        archive.writestr("one.csv", "text,label\n")
        archive.writestr("two.csv", "text,label\n")
    assert "c.csv.zip holds 2 files" in refused(tmp_path / "c.csv.zip")


def test_lines_of_text_are_predicted_on_line_by_line(tmp_path: Path) -> None:
    task = read(write(tmp_path / "train.csv", FRAME.to_csv(index=False)), DataPlan()).task
    rows, names = read_unlabelled(write(tmp_path / "new.txt", "one, two\n\nthree\r\nfour"), DataPlan(), task)
    assert list(rows.inputs) == list(unlabelled(["one, two", "three", "four"], task))
    assert names == ["new.txt:1", "new.txt:3", "new.txt:4"]


def unlabelled(texts: list[str], task: Task) -> list[object]:
    return list(read_unlabelled(texts, DataPlan(), task)[0].inputs)


def test_text_with_tabs_is_a_table_and_a_line_with_others_is_named(tmp_path: Path) -> None:
    table = FRAME.to_csv(index=False, sep="\t")
    assert cells(write(tmp_path / "a.txt", table)) == FRAME.to_dict("list")
    assert "b.txt:22: has 1 cells" in refused(write(tmp_path / "b.txt", table + "no tab\n"))
    with pytest.raises(HeadstartError, match=r"no label column\. Columns: x\. Add one, or predict on these rows"):
        read(write(tmp_path / "c.txt", "\n".join(FRAME["text"])), DataPlan())
    assert "has no text" in refused(write(tmp_path / "d.txt", "\n \n"))


def test_in_a_folder_json_and_text_are_tables_by_their_names_and_where_nothing_else_is(tmp_path: Path) -> None:
    write(tmp_path / "README.txt", "About the data\n")
    write(tmp_path / "settings.json", '{"a": 1}')
    write(tmp_path / "train.json", FRAME.to_json(orient="records"))
    write(tmp_path / "test.json", FRAME.assign(text=FRAME["text"] + " again").to_json(orient="records"))
    assert {name: len(rows) for name, rows in read(tmp_path, DataPlan()).splits.items()}["test"] == 20
    write(tmp_path / "train.csv", FRAME.to_csv(index=False))
    assert "train.csv:2" in Table().read(tmp_path).splits["train"].index


def test_beside_pictures_json_and_text_are_no_tables(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name in ("ants", "bees"):
        (tmp_path / name).mkdir()
        for number in range(5):
            pixels = generator.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    write(tmp_path / "train.txt", "ants/0.png\n")
    write(tmp_path / "test.json", "[]")
    assert read(tmp_path, DataPlan()).task.classes == ("ants", "bees")


def test_a_file_that_is_not_read_is_told_with_what_is(tmp_path: Path) -> None:
    with pytest.raises(HeadstartError) as caught:
        read(write(tmp_path / "a.xlsx", "x"), DataPlan())
    for ending in (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".txt", ".csv.gz", ".npz"):
        assert ending in str(caught.value)


def write(path: Path, content: str | None) -> Path:
    assert content is not None
    path.write_bytes(content.encode())
    return path
