"""Find the files that a table names: by path, by name, by a name without its ending, from wherever the table comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from headstart.core.errors import DataError
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.data.unlabelled import read_unlabelled

ROWS = 12


def pictures(folder: Path, name: str = "{}.png") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name.format(i) for i in range(ROWS)]
    for i, path in enumerate(paths):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(path)
    return paths


def table(folder: Path, cells: list[Any], column: str = "file") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "some.csv"
    path.write_text(f"{column},label\n" + "".join(f"{cell},{'ab'[i % 2]}\n" for i, cell in enumerate(cells)))
    return path


def frame(cells: list[Any]) -> Any:
    import pandas as pd

    return pd.DataFrame({"file": cells, "label": ["a", "b"] * (len(cells) // 2)})


def read_files(data: Any) -> tuple[list[str], Sequence[str]]:
    dataset = read(data, DataPlan(test=0.0, validation=0.0))
    assert dataset.task.modality == "image"
    files = [Path(cell).resolve().name for rows in dataset.splits.values() for cell in rows.inputs]
    return sorted(files), dataset.notes


@pytest.mark.parametrize(
    "store",
    [list, "string", "category", "object", "string[pyarrow]", lambda c: list(map(Path, c)), "dict", "pair", "hf"],
)
def test_paths_are_read_alike_by_every_route(
    store: str | Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = sorted(path.name for path in pictures(tmp_path / "pics"))
    monkeypatch.chdir(tmp_path)
    cells = [f"pics/{i}.png" for i in range(ROWS)]
    whole = frame(cells)
    if store == "hf":
        whole = pytest.importorskip("datasets").Dataset.from_pandas(whole)
    elif store in {"dict", "pair"}:
        columns = {name: list(whole[name]) for name in whole}
        whole = columns if store == "dict" else (columns["file"], columns["label"])
    elif callable(store):
        whole["file"] = store(cells)
    else:
        whole = whole.astype({"file": store})
    assert read_files(whole)[0] == read_files(table(tmp_path, cells))[0] == expected


@pytest.mark.parametrize(
    "write", ["pics\\{}.png", ".\\pics\\{}.png", "./pics/{}.png", "pics/../pics/{}.png", "{}.png", "{}"]
)
def test_slashes_names_and_ids_are_found(write: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = sorted(path.name for path in pictures(tmp_path / "pics"))
    cells = [write.format(i) for i in range(ROWS)]
    assert read_files(table(tmp_path, cells))[0] == expected
    monkeypatch.chdir(tmp_path)
    assert read_files(frame(cells))[0] == expected


def test_paths_that_lead_elsewhere_are_read_and_told(tmp_path: Path) -> None:
    paths = pictures(tmp_path / "pics")
    (tmp_path / "links").mkdir()
    for path in paths:
        (tmp_path / "links" / path.name).symlink_to(path)
    told = f"some.csv, column 'file': 12 images lie elsewhere, as in {tmp_path / 'pics'}"
    for cells in ([str(path) for path in paths], [f"../pics/{path.name}" for path in paths]):
        names, notes = read_files(table(tmp_path / "tables", cells))
        assert len(names) == ROWS and told in notes
    assert len(read_files(table(tmp_path, [f"links/{path.name}" for path in paths]))[0]) == ROWS
    assert not any("elsewhere" in note for note in read_files(frame([str(path) for path in paths]))[1])


def test_ids_are_found_in_the_folder_of_the_tables_split(tmp_path: Path) -> None:
    pictures(tmp_path / "train_images", "{}.jpg")
    for path in pictures(tmp_path / "test_images", "{}.jpg"):
        Image.new("RGB", (4, 4), (0, 9, int(path.stem))).save(path)
    whole = table(tmp_path, list(range(ROWS)), "image_id")
    with pytest.raises(DataError, match=r"'0' may be test_images/0.jpg and train_images/0.jpg \(write the path\)"):
        read(whole, DataPlan())
    whole.rename(tmp_path / "train.csv")
    (tmp_path / "test.csv").write_bytes((tmp_path / "train.csv").read_bytes())
    dataset = read(tmp_path, DataPlan())
    for split in ("train", "test"):
        assert {path.parent.name for path in dataset.splits[split].inputs} == {f"{split}_images"}
    assert "column 'image_id': names without an ending of images that lie in train_images/ (12)" in dataset.notes


def test_numbers_and_classes_that_are_also_names_of_files_stay(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "a", tmp_path / "b"):
        pictures(folder, "{}.png")
    for name in "ab":
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    path = tmp_path / "t.csv"
    path.write_text("one,two,label\n" + "".join(f"{i % 5},{i * 1.5},{'ab'[i % 2]}\n" for i in range(ROWS)))
    assert read(path, DataPlan()).task.modality == "vector"
    for name in ("", "number", "row"):
        path.write_text(f"{name},text,label\n" + "".join(f"{i},the number {i},{'ab'[i % 2]}\n" for i in range(ROWS)))
        assert read(path, DataPlan()).task.inputs == ("text",)


def test_of_files_that_are_not_there_text_beside_is_read_and_a_lone_column_is_refused(tmp_path: Path) -> None:
    cells = [f"{i}.png" for i in range(ROWS)]
    whole = frame(cells)
    with pytest.raises(DataError, match=r"all\[0\], column 'file': there is no file '0.png'"):
        read(whole, DataPlan())
    with pytest.raises(DataError, match=r"some.csv:2, column 'file': there is no file '0.png'"):
        read(table(tmp_path, cells), DataPlan())
    whole["text"] = [f"a sentence with the number {i}" for i in range(ROWS)]
    dataset = read(whole, DataPlan())
    assert dataset.task.inputs == ("text",)
    assert any("column 'file' (names of files that are not there)" in note for note in dataset.notes)
    pictures(tmp_path)
    (tmp_path / "3.png").rename(tmp_path / "3.PNG")
    with pytest.raises(DataError) as caught:
        read(table(tmp_path, cells), DataPlan())
    assert [str(p) for p in caught.value.problems] == [
        "some.csv:5, column 'file': there is no file '3.png' ('3.PNG' is there)"
    ]


def test_a_saved_task_names_the_files_that_are_not_there_and_takes_their_names_for_text(tmp_path: Path) -> None:
    pictures(tmp_path)
    task = read(table(tmp_path, [f"{i}.png" for i in range(ROWS)]), DataPlan()).task
    gone = table(tmp_path / "far" / "other", [f"{i}.png" for i in range(ROWS)])
    with pytest.raises(DataError, match=r"some.csv:2, column 'file': there is no file '0.png'"):
        read_unlabelled(gone, DataPlan(), task)
    with pytest.raises(DataError, match=r"there is no file '0.png'"):
        read(gone, DataPlan(), task=task)
    words = read(gone, DataPlan(modality="text")).task
    assert words.modality == "text" and read_unlabelled(gone, DataPlan(), words)[0].inputs[0] == "0.png"


def test_paths_from_the_folder_above_the_table_or_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(tmp_path / "set" / "images")
    cells = [f"images/{i}.png" for i in range(ROWS)]
    names, notes = read_files(table(tmp_path / "set" / "labels", cells))
    assert len(names) == ROWS
    assert f"some.csv, column 'file': 12 images lie elsewhere, as in {tmp_path / 'set' / 'images'}" in notes
    monkeypatch.chdir(tmp_path / "set")
    assert len(read_files(table(tmp_path / "far" / "labels", cells))[0]) == ROWS


@pytest.mark.parametrize("write", ["{}.png", "{}"])
def test_names_are_found_two_folders_below_and_once_by_two_ways(write: str, tmp_path: Path) -> None:
    pictures(tmp_path / "images" / "all")
    (tmp_path / "again").symlink_to("images")
    names, notes = read_files(table(tmp_path, [write.format(i) for i in range(ROWS)]))
    assert len(names) == ROWS and any("that lie in" in note and "(12)" in note for note in notes)
