"""The same cells make the same task by every route: CSV, JSON lines, Parquet, frames, dicts, Hugging Face."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.core.errors import BadRows, DataError, UsageError
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.inputs import by_name

ROWS = 30
WHOLE = DataPlan(test=0.0, validation=0.0)


def routes(frame: Any, folder: Path) -> Iterator[tuple[str, Any]]:
    import pandas as pd

    frame.to_csv(folder / "a.csv", index=False)
    frame.to_parquet(folder / "a.parquet")
    frame.to_json(folder / "a.jsonl", orient="records", lines=True, date_format="iso")
    yield from ((end, folder / f"a.{end}") for end in ("csv", "parquet", "jsonl"))
    yield from {"frame": frame, "read": pd.read_csv(folder / "a.csv")}.items()
    yield from ((dtype, frame.astype(dtype)) for dtype in ("string", "string[pyarrow]", "object", "category"))
    yield "arrow", frame.convert_dtypes(dtype_backend="pyarrow")
    yield "dict", {name: list(frame[name]) for name in frame}
    yield "records", frame.to_dict("records")
    yield "arrays", {name: frame[name].to_numpy() for name in frame}
    yield "pair", (frame.drop(columns="label"), frame["label"])
    datasets = pytest.importorskip("datasets")
    yield "hf", datasets.Dataset.from_pandas(frame)


def gaps(frame: Any) -> Any:
    """Leave one cell out in each column but the label; whole numbers and flags stay such."""
    found = frame.astype({"age": "Int64", "ok": "boolean"})
    for row, name in enumerate(frame.columns.drop("label")):
        found.loc[row + 3, name] = None
    return found


@pytest.mark.parametrize("with_gaps", [False, True])
def test_numbers_flags_categories_and_dates_are_read_alike(with_gaps: bool, tmp_path: Path) -> None:
    import pandas as pd

    random = np.random.default_rng(0)
    whole = pd.DataFrame(
        {
            "age": random.integers(18, 60, ROWS),
            "height": random.normal(170, 9, ROWS).round(1),
            "ok": random.random(ROWS) > 0.5,
            "city": random.choice(["Rome", "Oslo", "Bern"], ROWS),
            "day": pd.date_range("2024-01-01", periods=ROWS, freq="11h"),
            "label": ["yes", "no"] * (ROWS // 2),
        }
    )
    found = {}
    for name, data in routes(gaps(whole) if with_gaps else whole, tmp_path):
        dataset = read(data, WHOLE)
        rows = dataset.splits["train"]
        table = by_name(dataset.task.modality).measure(rows.inputs, dataset.task.inputs)["table"]
        cells = [table[i].encode(np.array([row[i] for row in rows.inputs], dtype=object)) for i in range(len(table))]
        found[name] = dataset.task, table, np.concatenate(cells, axis=1), rows.y
    task, table, numbers, labels = found["csv"]
    assert task.inputs == ("age", "height", "ok", "city", "day") and task.classes == ("no", "yes")
    for name, (other, learnt, encoded, y) in found.items():
        assert (other, learnt) == (task, table), name
        np.testing.assert_allclose(encoded, numbers, err_msg=name)
        np.testing.assert_array_equal(y, labels, err_msg=name)


@pytest.mark.parametrize("blank", ["", "  ", None, float("nan"), "NA", "\u200b \ufeff"])
@pytest.mark.parametrize("pair", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_blank_texts_are_bad_rows_by_every_route(blank: Any, pair: bool, tmp_path: Path) -> None:
    import pandas as pd

    texts = [blank, *(f"a sentence with the number {i}" for i in range(1, ROWS))]
    columns = {"sentence1": texts, "sentence2": texts[1:] + texts[1:2]} if pair else {"text": texts}
    whole = pd.DataFrame({**columns, "label": ["yes", "no"] * (ROWS // 2)})
    for name, data in routes(whole, tmp_path):
        if blank == "NA":
            if name != "read":  # pandas itself has made it blank
                assert len(read(data, WHOLE).splits["train"]) == ROWS, name
            continue
        with pytest.raises(BadRows, match=f"column '{next(iter(columns))}': has no text") as caught:
            read(data, WHOLE)
        assert len(caught.value.problems) == 1, name
        dataset = read(data, replace(WHOLE, skip_bad=True))
        assert dataset.task.inputs == tuple(columns) and len(dataset.splits["train"]) == ROWS - 1, name


@pytest.mark.parametrize(
    "labels", [[0, 1, 2], ["0", "1", "2"], [True, False, True], ["a", "b", "c"], [1.5, 2.5, 3.5], [0.0, 1.0, 0.0]]
)
def test_labels_are_read_alike(labels: list[Any], tmp_path: Path) -> None:
    import pandas as pd

    whole = pd.DataFrame({"text": [f"the number {i}" for i in range(ROWS)], "label": labels * (ROWS // 3)})
    found = {name: read(data, WHOLE) for name, data in routes(whole, tmp_path)}
    for name, dataset in found.items():
        assert dataset.task == found["csv"].task, name
        np.testing.assert_array_equal(dataset.splits["train"].y, found["csv"].splits["train"].y, err_msg=name)


def test_decimals_spans_and_tables_of_arrow_are_read_as_their_csv_is(tmp_path: Path) -> None:
    from decimal import Decimal

    import pandas as pd
    import pyarrow as pa

    whole = pd.DataFrame({"price": [Decimal(i % 7) / 4 for i in range(ROWS)], "label": ["a", "b"] * (ROWS // 2)})
    whole["month"] = pd.period_range("2024-01", periods=ROWS, freq="M")
    numbers = whole.drop(columns="month")
    numbers.to_parquet(tmp_path / "a.parquet")
    numbers.to_csv(tmp_path / "a.csv", index=False)
    for data in (numbers, tmp_path / "a.parquet", tmp_path / "a.csv", pa.Table.from_pandas(numbers)):
        dataset = read(data, WHOLE)
        assert dataset.task.inputs == ("price",)
        np.testing.assert_array_equal(dataset.splits["train"].inputs[:3, 0], [0, 0.25, 0.5])
    whole.to_csv(tmp_path / "a.csv", index=False)
    assert read(whole, WHOLE).task.inputs == read(tmp_path / "a.csv", WHOLE).task.inputs
    labels = [Decimal(i % 3) for i in range(ROWS)]
    counts = pd.DataFrame({"text": [f"the number {i}" for i in range(ROWS)], "label": labels})
    assert read(counts, WHOLE).task.classes == ("0", "1", "2")


def test_columns_of_one_name_are_refused_in_a_frame_as_in_a_file() -> None:
    import pandas as pd

    with pytest.raises(DataError, match="several columns of one name: 'x'"):
        read(pd.DataFrame([[1, 2, "a"], [2, 1, "b"]], columns=["x", "x", "label"]), WHOLE)


@pytest.mark.parametrize("write", ["{},5", "$1,{}00", "[{}, 0.5]"])
def test_numbers_that_are_words_are_told(write: str, tmp_path: Path) -> None:
    import pandas as pd

    cells = [write.format(1 + i % 7) for i in range(ROWS)]
    whole = pd.DataFrame({"size": [i % 4 for i in range(ROWS)], "cost": cells, "label": ["a", "b"] * (ROWS // 2)})
    whole.to_csv(tmp_path / "a.csv", index=False, sep=";")
    for data in (whole, tmp_path / "a.csv"):
        notes = read(data, WHOLE).notes
        assert any(f"cells such as '{cells[0]}" in note for note in notes), notes


def test_pictures_by_path_in_the_form_of_hugging_face(tmp_path: Path) -> None:
    import pandas as pd
    from PIL import Image

    for i in range(4):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(tmp_path / f"{i}.png")
    cells = [{"bytes": None, "path": f"{i}.png"} for i in range(4)]
    pd.DataFrame({"image": cells, "label": ["a", "b"] * 2}).to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", WHOLE).task.modality == "image"


def test_pictures_in_memory_in_the_form_of_hugging_face_and_as_pairs(tmp_path: Path) -> None:
    import pandas as pd
    from PIL import Image

    for i in range(4):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(tmp_path / f"{i}.png")
    files = [str(tmp_path / f"{i}.png") for i in range(4)]
    whole = [{"bytes": Path(file).read_bytes(), "path": None} for file in files]
    labels = ["a", "b"] * 2
    for cells in (whole, [{"bytes": None, "path": file} for file in files]):
        found = read(pd.DataFrame({"image": cells, "label": labels}), WHOLE)
        assert found.task.modality == "image" and found.task.inputs == ("image",)
    pairs = read(list(zip(files, labels, strict=True)), WHOLE)
    assert pairs.fingerprint == read((files, labels), WHOLE).fingerprint
    assert pairs.task.modality == "image" and pairs.task.classes == ("a", "b")


def test_a_list_that_is_no_rows_is_refused_with_what_a_list_may_hold() -> None:
    for data in (["a", "b"], [("a", "b", "c")], [{"text": "a"}, 1], []):
        with pytest.raises(UsageError, match=r"No reader takes this: list"):
            read(data, WHOLE)
    with pytest.raises(DataError, match=r"\[1\]: has no label"):
        read([{"text": "some words", "label": "a"}, {"text": "more words"}] * 3, WHOLE)


@pytest.mark.parametrize("rows", ["some words,neg\nother words,pos\n", "5.1,a\n4.9,b\n"])
def test_a_first_line_that_may_be_a_row_is_told(rows: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(rows * 8)
    told = [note for note in read(tmp_path / "a.csv", WHOLE).notes if "add a line of names" in note]
    assert len(told) == 1 and told[0].startswith("a.csv: its first line names the columns, but may be a row (")
    (tmp_path / "b.csv").write_text("0,1,label\n" + "5,6,a\n7,8,b\n" * 8)
    assert not any("add a line of names" in note for note in read(tmp_path / "b.csv", WHOLE).notes)


def test_a_bar_between_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text|label\n" + "some words|a\nother, words|b\n" * 8)
    assert read(tmp_path / "a.csv", WHOLE).task.inputs == ("text",)


@pytest.mark.parametrize("column", ["text", "label"])
@pytest.mark.parametrize("kind", ["jsonl", "frame"])
def test_half_a_surrogate_pair_in_a_text_is_a_bad_row(kind: str, column: str, tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"text": [f"some words {i}" for i in range(8)], "label": ["a", "b"] * 4}, dtype=object)
    frame.loc[2, column] = "some \ud83d words"
    rows = [json.dumps(record) for record in frame.to_dict("records")]
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    with pytest.raises(BadRows, match=rf"column '{column}': holds half of a surrogate pair") as caught:
        read(frame if kind == "frame" else tmp_path / "a.jsonl", WHOLE)
    assert len(caught.value.problems) == 1


def test_days_as_labels_are_read_as_their_file_is(tmp_path: Path) -> None:
    import pandas as pd

    days = pd.to_datetime(["2020-01-01", "2021-01-01"] * 10)
    frame = pd.DataFrame({"text": [f"the number {i}" for i in range(20)], "label": days})
    frame.to_csv(tmp_path / "a.csv", index=False)
    for data in (frame, tmp_path / "a.csv"):
        assert read(data, WHOLE).task.classes == ("2020-01-01", "2021-01-01")


def test_a_split_of_another_name_is_refused_by_name() -> None:
    pair = ["some words", "more words"] * 5, ["a", "b"] * 5
    with pytest.raises(UsageError, match="'holdout' beside 'train': splits are called train, validation and test"):
        read({"train": pair, "holdout": pair}, WHOLE)
