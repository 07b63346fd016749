"""Read tables as they are, and name file, line and remedy where they are wrong; FAULTS 47 to 55, 66."""

from __future__ import annotations

import json
from os.path import splitext
from pathlib import Path
from types import SimpleNamespace
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from headstart.core.choice import Choice
from headstart.core.errors import DataError, HeadstartError, UsageError
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.data.readers import _paths
from headstart.data.readers.table import Table
from headstart.data.tables import split_name
from headstart.inputs import of_file
from headstart.inputs._open import SUFFIXES


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def failure(path: Path, plan: DataPlan | None = None) -> str:
    with pytest.raises(HeadstartError) as caught:
        read(path, plan or DataPlan())
    return str(caught.value)


def sentences(labels: list[str]) -> str:
    return "text,label\n" + "".join(f"this is sentence {i},{label}\n" for i, label in enumerate(labels))


def test_47_a_latin_1_file_names_byte_line_and_encoding(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\nfine,x\ncafé au lait,y\n".encode("latin-1"))
    message = failure(path)
    assert "a.csv, byte 21, line 3" in message
    assert "encoding='cp1252'" in message
    columns = Table(encoding="cp1252").read(path).splits["all"]
    assert list(columns["text"]) == ["fine", "café au lait"]


def test_47_utf_16_and_gb18030_are_recognised_and_a_bom_is_accepted(tmp_path: Path) -> None:
    table = "text,label\n味道很好,a\n很快就到了,b\n"
    assert "encoding='utf-16'" in failure(write(tmp_path / "a.csv", table.encode("utf-16")))
    assert "encoding='utf-16-le'" in failure(
        write(tmp_path / "b.csv", "text,label\nfine words,a\n".encode("utf-16-le"))
    )
    assert "encoding='gb18030'" in failure(write(tmp_path / "c.csv", table.encode("gb18030")))
    frame = Table().read(write(tmp_path / "d.csv", table.encode("utf-8-sig"))).splits["all"]
    assert list(frame.columns) == ["text", "label"]


def test_48_ragged_rows_are_named_by_their_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text,label\n"two\nlines",x\nonly one\na,b,c\n')
    message = failure(path)
    assert "a.csv:4: has 1 cells, the header has 2" in message
    assert "a.csv:5: has 3 cells" in message


def test_49_na_and_null_stay_text_and_rows_keep_their_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text,label\n"two\nlines",NA\nNA,null\nnull,NA\n')
    frame = Table().read(path).splits["all"]
    assert list(frame["text"]) == ["two\nlines", "NA", "null"]
    assert list(frame["label"]) == ["NA", "null", "NA"]
    assert list(frame.index) == ["a.csv:2", "a.csv:4", "a.csv:5"]


def test_50_all_rows_without_a_label_are_listed(tmp_path: Path) -> None:
    message = failure(write(tmp_path / "a.csv", sentences(["a", "", "b", "  ", "a", "b"])))
    assert "2 labels are missing" in message
    assert "a.csv:3" in message and "a.csv:5" in message


@pytest.mark.parametrize("labels", [["cat", " cat", "dog"] * 4, ["cat", "Cat", "dog"] * 4, ["1", "1.0", "0"] * 4])
def test_51_labels_written_in_two_ways_are_listed(tmp_path: Path, labels: list[str]) -> None:
    message = failure(write(tmp_path / "a.csv", sentences(labels)))
    assert "more than one way" in message
    assert repr(labels[0]) in message and repr(labels[1]) in message
    assert repr(labels[2]) not in message


def test_51_a_number_and_its_text_are_suspected_too(tmp_path: Path) -> None:
    rows = [{"text": f"this is {i}", "label": label} for i, label in enumerate([1, "1", 1.0, 0, 0, 0])]
    message = failure(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert "'1'" in message and "1.0" in message


def test_52_nul_bytes_and_open_quotes_are_named_and_mixed_newlines_are_read(tmp_path: Path) -> None:
    assert "a.csv:3: holds a NUL" in failure(write(tmp_path / "a.csv", "text,label\nx,a\ny\0,b\n"))
    huge = write(tmp_path / "b.csv", 'text,label\nx,a\n"' + "word " * 10_000_000)
    assert "b.csv:3" in failure(huge)
    mixed = Table().read(write(tmp_path / "c.csv", "text,label\r\nx,a\ny,b\rz,c\n")).splits["all"]
    assert list(mixed.index) == ["c.csv:2", "c.csv:3", "c.csv:4"]


def test_53_truncated_jsonl_and_parquet_name_file_and_record(tmp_path: Path) -> None:
    message = failure(write(tmp_path / "a.jsonl", '{"text": "x", "label": 1}\n{"text": "y", "la'))
    assert "a.jsonl:2" in message and "record 2" in message
    import pandas as pd

    pd.DataFrame({"text": [f"row {i}" for i in range(100)], "label": [0, 1] * 50}).to_parquet(tmp_path / "b.parquet")
    assert len(Table().read(tmp_path / "b.parquet").splits["all"]) == 100
    whole = (tmp_path / "b.parquet").read_bytes()
    message = failure(write(tmp_path / "b.parquet", whole[: len(whole) // 2]))
    assert "b.parquet, from record 1" in message


def test_54_columns_that_are_double_nameless_or_misspelt(tmp_path: Path) -> None:
    message = failure(write(tmp_path / "a.csv", "text,text,\nx,y,z\n"))
    assert "column 'text' occurs 2 times" in message and "column 3 has no name" in message
    path = write(tmp_path / "b.csv", sentences(["a", "b"] * 5))
    message = failure(path, DataPlan(labels=("labl",)))
    assert "Did you mean 'label'?" in message and "Known: text, label" in message


def test_54_a_column_that_one_split_lacks_is_named(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", sentences(["a", "b"] * 5))
    write(tmp_path / "test.csv", "text,lable\nanother one,a\n")
    message = failure(tmp_path)
    assert "split 'test'" in message and "Did you mean 'lable'?" in message


def test_55_an_empty_file_and_a_lone_header_are_errors(tmp_path: Path) -> None:
    assert "0 bytes" in failure(write(tmp_path / "a.csv", ""))
    assert "no rows" in failure(write(tmp_path / "b.csv", "text,label\n"))


def test_59_a_class_that_training_lacks_is_named_with_its_rows(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", sentences(["a", "b"] * 5))
    write(tmp_path / "dev.csv", sentences(["a", "b", "c"]))
    write(tmp_path / "test.csv", sentences(["d", "a", "d"]))
    message = failure(tmp_path)
    for part in ("dev.csv:4: class 'c'", "test.csv:2: class 'd'", "test.csv:4: class 'd'"):
        assert part in message


def test_66_what_is_no_path_on_this_machine_is_refused_unread(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    Image.new("RGB", (4, 4)).save(folder / "good.png")
    bad = [f"file://{folder}/good.png", "\\\\host\\share\\a.png", "C:\\a.png", "D:a.png"]
    bad += ["http://example.org/a.png", "gone.png", "notes.txt", "/dev/zero.png"]
    rows = [*[{"image": b, "label": i % 2} for i, b in enumerate(bad)], {"image": "a\0.png", "label": 0}]
    rows += [{"image": "good.png", "label": i % 2} for i in range(4)]
    table = write(folder / "a.jsonl", "\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError) as caught:
        read(table, DataPlan())
    assert [p.where.split(",")[0] for p in caught.value.problems] == [f"a.jsonl:{i}" for i in range(1, len(bad) + 2)]


def test_images_named_in_a_table_are_found_beside_it(tmp_path: Path) -> None:
    for i in range(8):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(tmp_path / f"{i}.png")
    write(tmp_path / "meta.csv", "file,label\n" + "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(8)))
    dataset = read(tmp_path / "meta.csv", DataPlan())
    assert dataset.task.modality == "image"
    assert dataset.splits["train"].inputs[0].is_file()


def test_image_names_are_told_from_other_text(tmp_path: Path) -> None:
    names = {f"x{suffix}": True for suffix in SUFFIXES} | {f"x{suffix.upper()}": True for suffix in SUFFIXES}
    names |= {"a.png.": False, ".png": False, "png": False, "a.png ": False, "a.png\n": False, "x.tiff/y": False}
    names |= {"a.pngx": False, "": False, "a.txt": False, "1.5": False, "味道.jpg": True, "a/b.c.png": True}
    assert {name: of_file(name) == "image" for name in names} == names
    rows = ["a/b.png,1", "1.5,2", "a.png.,3"]
    frame = Table().read(write(tmp_path / "a.csv", "some,number\n" + "\n".join(rows) + "\n")).splits["all"]
    assert list(frame["some"]) == ["a/b.png", "1.5", "a.png."]  # one of three
    tables = Table().read(write(tmp_path / "b.csv", "some,few\n1,x.png\n2,\n3, \n"))
    assert "there is no file 'x.png'" in str(tables.absent["few"])


@pytest.mark.parametrize("endings", [(), (".mid", ".R64"), (".abc", ".1", ".e+5", ".ß")])
def test_columns_of_file_names_are_found_in_text_as_in_lists(
    endings: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if endings:  # of a modality that was dropped in
        suffixes = frozenset(map(str.lower, endings))
        monkeypatch.setattr(_paths, "modalities", lambda: {"sound": SimpleNamespace(suffixes=suffixes)})
        monkeypatch.setattr(
            _paths,
            "of_file",
            lambda name: "sound" if splitext(name)[1].lower() in suffixes else None,  # noqa: PTH122
        )
    random = np.random.default_rng(0)
    pieces = ["1", "2", " ", "a", "B", ".", "\n", "/", *2 * (endings or (".png", ".JPG", ".avif"))]
    found = set()
    for _ in range(1000):
        cells = ["".join(random.choice(pieces, random.integers(0, 4))) for _ in range(random.integers(0, 5))]
        by_list = _paths._of_files(cells)
        assert _paths._of_files(pa.chunked_array([pa.array(cells, pa.large_string())])) == by_list, cells
        found.add(by_list)
    assert found == {None, "sound" if endings else "image"}


def test_a_column_named_split_divides_the_rows(tmp_path: Path) -> None:
    rows = [f"some words {i},{i % 2},{['train', 'train', 'dev', 'test'][i // 2 % 4]}" for i in range(16)]
    dataset = read(write(tmp_path / "a.csv", "text,label,split\n" + "\n".join(rows)), DataPlan())
    assert {name: len(part) for name, part in dataset.splits.items()} == {"train": 8, "validation": 4, "test": 4}
    assert dataset.task.inputs == ("text",)


def test_semicolons_and_options_of_a_named_reader(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", sentences(["a", "b"] * 5).replace(",", ";"))
    assert read(path, DataPlan()).task.inputs == ("text",)
    plan = DataPlan(reader=Choice("table", {"encoding": "latin-1", "delimiter": ";"}))
    assert read(path, plan).task.classes == ("a", "b")
    with pytest.raises(UsageError, match="encoding"):
        read(path, DataPlan(reader=Choice("table", {"encodng": "x"})))


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00001", "train"),
        ("dev", "validation"),
        ("my_test", "test"),
        ("train_test", None),
        ("data", None),
    ],
)
def test_a_file_name_tells_its_split(name: str, split: str | None) -> None:
    assert split_name(name) == split


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("sign", [";", "|", "\t"])
def test_the_delimiter_may_be_told_in_the_first_line(mark: str, sign: str, tmp_path: Path) -> None:
    rows = sentences(["x", "y"] * 10).replace(",", sign)
    found = read(write(tmp_path / "a.csv", f"{mark}sep={sign}\r\n{rows}"), DataPlan())
    assert found.task.classes == ("x", "y") and "a.csv:3" in {row for rows in found.splits.values() for row in rows.ids}
    assert not any("blank" in note for note in found.notes)


@pytest.mark.parametrize("quotes", [False, True])
def test_spaces_after_commas_are_no_part_of_cells(quotes: bool, tmp_path: Path) -> None:
    text = sentences(["x", "y"] * 10).replace(",", ", ")
    text = text.replace("this is", '"this, is').replace(", x", '", "x"').replace(", y", '", "y"') if quotes else text
    found = read(write(tmp_path / "a.csv", text), DataPlan(labels=("label",)))
    assert found.task.inputs == ("text",) and found.task.classes == ("x", "y")
    assert found.splits["train"].inputs[0].startswith("this, is" if quotes else "this is")
    kept = read(write(tmp_path / "b.csv", sentences([" x", "y"] * 10)), DataPlan())
    assert kept.task.classes == (" x", "y")  # the header says that spaces belong to cells


@pytest.mark.parametrize("quotes", [False, True])
def test_lines_that_repeat_the_names_are_no_rows_and_told(quotes: bool, tmp_path: Path) -> None:
    rows = sentences(["x", "y"] * 10)
    rows = rows.replace("this is sentence 0", '"a ""sentence"""') if quotes else rows
    found = read(write(tmp_path / "a.csv", rows + rows), DataPlan())
    assert found.task.classes == ("x", "y") and sum(map(len, found.splits.values())) == 40
    assert "a.csv: 1 line repeats the names of the columns and is left out: 22" in found.notes


def test_a_last_column_that_names_the_rows_is_no_label(tmp_path: Path) -> None:
    rows = "text,mood,id\n" + "".join(f"this is sentence {i},{'xy'[i % 2]},{i}\n" for i in range(20))
    assert read(write(tmp_path / "a.csv", rows), DataPlan()).task.targets["target"].columns == ("mood",)
    doubled = rows.replace(",1\n", ",2\n")  # a number that comes twice counts no rows
    assert read(write(tmp_path / "b.csv", doubled), DataPlan()).task.targets["target"].columns == ("id",)
    assert read(write(tmp_path / "a.csv", rows), DataPlan(labels=("id",))).task.kind == "regression"


def test_a_blank_column_without_a_name_is_no_index(tmp_path: Path) -> None:
    rows = sentences(["x", "y"] * 10).replace("\n", ",\n")
    notes = read(write(tmp_path / "a.csv", rows), DataPlan()).notes
    assert any("'Unnamed: 2' (blank, without a name)" in note for note in notes)


def test_names_of_files_with_spaces_and_in_both_forms_of_unicode(tmp_path: Path) -> None:
    names = [f"B\u00e4r {i}.png" for i in range(8)]
    (tmp_path / "images").mkdir()
    for i, name in enumerate(names):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(tmp_path / "images" / normalize("NFD", name))
    for written in (
        names,
        [f"{name} " for name in names],
        [f"images/{name}" for name in names],
        [n[:-4] for n in names],
    ):
        rows = "".join(f"{name},{'xy'[i % 2]}\n" for i, name in enumerate(written))
        assert read(write(tmp_path / "a.csv", f"file,label\n{rows}"), DataPlan()).task.modality == "image"
    rows = "".join(f"{name[:-4]}.jpg,{'xy'[i % 2]}\n" for i, name in enumerate(names))
    assert "'images/" in failure(write(tmp_path / "a.csv", f"file,label\n{rows}"))


def test_a_number_is_the_class_of_its_number(tmp_path: Path) -> None:
    rows = sentences(["00", "01"] * 10)
    task = read(write(tmp_path / "a.csv", rows), DataPlan(task="binary")).task
    again = read(write(tmp_path / "b.csv", sentences(["1.0", "0"] * 3)), DataPlan(), task=task, whole=True)
    assert task.classes == ("00", "01") and again.splits["test"].y.tolist() == [1, 0] * 3
    with pytest.raises(DataError, match="class '2' is not among"):
        read(write(tmp_path / "b.csv", sentences(["2", "0"] * 3)), DataPlan(), task=task, whole=True)
