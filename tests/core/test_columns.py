"""Whole columns answer as their cells do, one by one."""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from headstart.core import columns
from headstart.core.cells import digest
from headstart.core.columns import (
    blank_cells,
    cells_of,
    exact_numbers,
    missing_cells,
    numbers,
    numbers_of,
    plain_numbers,
)
from headstart.core.errors import DataError
from headstart.core.recipe import DataPlan
from headstart.data.inputs import contents
from headstart.data.read import read
from headstart.data.tables import join, make_frame

PLAIN = ["1", "-2.5", "0", "1e5", "2E-3", ".5", "7.", "00012", "123456789012345678901234567890", "0.1", "-0.0"]
ODD = ["+1", " 1", "1 ", "\t2\n", "1_0", "nan", "NaN", "-nan", "nan(1)", "inf", "-Infinity", "1e400", "1e-400", "0x10"]
ODD += ["\ufeff", "\x01\x02", "\x7f", "\u202e \u200d", "\u200bx", "\x01x"]
ODD += ["", " ", "\x1c", "\u00a0", "\u3000x", "\u200b", "١٢", "１．５", "1,5", "-", ".", "e", "1e"]
ODD += [
    "1-2",
    "--1",
    "1e+-5",
    "NA",
    "null",
    "None",
    "true",
    "味道",
    "a.png",
    "1" * 120,
    "3.5e38",
    "340282356779733661637539395458142568448",
]
OBJECTS: list[Any] = [None, 1, -3, 2.5, -0.0, math.nan, math.inf, True, False, 10**400, -(10**400), 2**63 + 1, 3.5e38]
OBJECTS += [pd.NA, pd.NaT, b"1", Path("a.png"), [1, 2], (1,), {"a"}, np.array([1.0]), object]


def missing_cell(cell: Any) -> bool:
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and cell != cell)


def blank_cell(cell: Any) -> bool:
    seen = "LMNPSC"  # the first letters of Unicode's categories; of C, control and format characters are not seen
    return missing_cell(cell) or (
        isinstance(cell, str)
        and not any(unicodedata.category(s)[0] in seen and unicodedata.category(s) not in {"Cc", "Cf"} for s in cell)
    )


def number_of_cell(cell: Any) -> float | None:
    if isinstance(cell, int) and abs(cell) > 10**308:
        return math.inf if cell > 0 else -math.inf
    if isinstance(cell, bool | int | float) or (isinstance(cell, str) and "_" not in cell):
        try:
            return float(cell)
        except ValueError:
            return None
    return None


def check(column: Any, cells: Sequence[Any]) -> None:
    """Compare what a column answers with its cells."""
    values, found = numbers_of(column)
    expected = [number_of_cell(cell) for cell in cells]
    assert found.tolist() == [value is not None for value in expected]
    assert list(map(repr, values.tolist())) == [repr(0.0 if value is None else value) for value in expected]
    assert blank_cells(column).tolist() == [blank_cell(cell) for cell in cells]
    assert missing_cells(column).tolist() == [missing_cell(cell) for cell in cells]
    assert len(cells_of(column)) == len(cells)
    assert list(map(repr, cells_of(column))) == list(map(repr, cells))


def text_column(cells: Sequence[str], pieces: int = 2) -> pd.Series:
    parts = [pa.array(cells[i::pieces], pa.large_string()) for i in range(pieces)]
    frame = make_frame({"x": pa.chunked_array(parts)}, [str(i) for i in range(len(cells))])
    column = frame["x"]
    assert isinstance(column, pd.Series)
    return column


@pytest.mark.parametrize("cells", [PLAIN, ODD, PLAIN + ODD, [], [""], ["nan"], ["1e400", "1"], *([c] for c in ODD)])
def test_columns_of_text_answer_as_their_cells(cells: list[str]) -> None:
    check(text_column(cells, 1), cells)
    check(text_column(cells, 3), [cell for i in range(3) for cell in cells[i::3]])
    check(cells, cells)
    check(text_column(["x", *cells, "y"], 1).iloc[1:-1], cells)


def test_random_text_near_numbers_answers_as_its_cells() -> None:
    random = np.random.default_rng(0)
    for signs in ("0123456789.+-eE", "019.eE- nainfINF_x()", "0123456789."):
        cells = ["".join(random.choice(list(signs), random.integers(0, 9))) for _ in range(3000)]
        check(text_column(cells), cells[::2] + cells[1::2])
        for cell in cells:  # alone, so that nothing else in the column sends it to the slower way
            value = plain_numbers(pa.chunked_array([[cell]]))
            assert value is None or repr(value.tolist()) == repr([number_of_cell(cell)])
    cells = [repr(value) for value in random.normal(size=2000) * 10.0 ** random.integers(-300, 300, 2000)]
    check(text_column(cells), cells[::2] + cells[1::2])


@pytest.mark.parametrize("seed", range(20))
def test_columns_of_objects_answer_as_their_cells(seed: int) -> None:
    random = np.random.default_rng(seed)
    pool: list[Any] = [*OBJECTS, *PLAIN, *ODD] if seed % 2 else [1, 2.5, True, math.nan, -0.0, 2**63 + 1]
    cells = [pool[i] for i in random.integers(0, len(pool), 30)]
    check(cells, cells)
    check(make_frame({"x": cells}, [str(i) for i in range(30)])["x"], cells)


def test_pandas_own_columns_answer_as_their_cells() -> None:
    for series in (pd.Series([1.5, math.nan]), pd.Series([1, 2]), pd.Series(["1", None]), pd.Series([True, False])):
        check(series, list(series))
    text = pd.Series(["1", "x", " "], dtype=pd.StringDtype("python", na_value=np.nan))
    check(text, ["1", "x", " "])


def test_only_wrong_numbers_are_listed_with_their_text() -> None:
    cells = [*PLAIN, *ODD]
    frame = make_frame({"a": pa.chunked_array([cells]), "b": cells}, [f"r{i}" for i in range(len(cells))])
    with pytest.raises(DataError) as caught:
        numbers(frame, ["a", "b"])
    expected = []
    for column in "ab":
        for row, cell in enumerate(cells):
            value = number_of_cell(cell)
            if blank_cell(cell):
                what = "is blank"
            elif value is None:
                what = "is not a number"
            elif not abs(value) < 3.4028235677973366e38:
                what = "is not a finite number of 32 bits"
            else:
                continue
            expected.append((f"r{row}, column '{column}'", f"{cell!r} {what}"))
    assert [(p.where, p.what) for p in caught.value.problems] == expected
    flags = make_frame({"a": ["0", 1, True, 0.0, "2", 0.5]}, list("uvwxyz"))
    with pytest.raises(DataError) as caught:
        numbers(flags, ["a"], flags=True)
    assert [(p.where[0], p.what) for p in caught.value.problems] == [
        ("y", "'2' is neither 0 nor 1"),
        ("z", "0.5 is neither 0 nor 1"),
    ]


@pytest.mark.parametrize(
    ("cells", "held"),
    [
        (["", " ", "\u00a0"], "empty"),
        (["1"] * 9 + ["x"], "number"),
        (["1"] * 8 + ["x"], "text"),
        (["", "1", " ", "nan"], "number"),
        (["x", "1"], "text"),
    ],
)
def test_text_and_objects_hold_the_same(cells: list[str], held: str) -> None:
    assert contents(cells) == contents(text_column(cells, 1)) == contents([None, *cells]) == held


def test_a_frame_keeps_the_objects_it_is_given() -> None:
    given: dict[str, list[Any]] = {
        "text": ["NA", None, "null"],
        "number": [1, 2, None],
        "flag": [True, False, True],
        "mixed": [1, 1.0, "1"],
        "array": [np.zeros(2), np.zeros(2), np.ones(2)],
        "list": [[1], [1, 2], []],
        "huge": [2**70, -1, 0],
    }
    frame = make_frame(given, ["a", "b", "c"])
    parts = join([make_frame({n: c[:1] for n, c in given.items()}, ["a"]), frame.iloc[1:]])
    for name, cells in given.items():
        for held in (frame, parts):
            assert held[name].dtype == object
            assert all(one is other for one, other in zip(held[name], cells, strict=True))
    assert make_frame({"x": np.array([1, 2])}, "ab")["x"].map(type).tolist() == [int, int]
    text = make_frame({"x": pa.chunked_array([["NA", ""]])}, ["a", "b"])
    assert text["x"].dtype == "str"
    assert cells_of(text["x"]) == ["NA", ""]
    both = join([text, make_frame({"x": [None, 3], "y": [1, 2]}, ["c", "d"])])
    assert both["x"].tolist() == ["NA", "", None, 3]
    assert both["y"].tolist() == [None, None, 1, 2]
    assert join([text, text.set_axis(["c", "d"])])["x"].dtype == "str"


def test_numbers_in_a_table_are_not_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def counted(cell: Any) -> float | None:
        nonlocal calls
        calls += 1
        return number_of_cell(cell)

    monkeypatch.setattr(columns, "number", counted)
    x = np.random.default_rng(0).normal(size=(40, 30))
    frame = pd.DataFrame(x, columns=[f"c{i}" for i in range(30)]).assign(label=["a", "b"] * 20)
    frame.to_csv(tmp_path / "a.csv", index=False)
    dataset = read(tmp_path / "a.csv", DataPlan(test=0.0, validation=0.0))
    assert np.array_equal(dataset.splits["train"].inputs, x.astype(np.float32))
    assert calls <= 40  # the label
    calls = 0
    frame.astype({"c3": object}).replace({"c3": {x[7, 3]: "x"}}).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "b.csv", DataPlan())
    assert [(p.where, p.what) for p in caught.value.problems] == [("b.csv:9, column 'c3'", "'x' is not a number")]
    assert calls <= 50


def test_rows_of_an_array_are_hashed_like_arrays_alone() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    arrays = [*rows, rows, rows.astype(np.float64)[0], rows.reshape(3, 2, 2)[0], rows[:, ::2][1], rows.astype(">f4")[0]]
    expected = [hashlib.sha256(f"{a.dtype}{a.shape}".encode() + a.tobytes()).digest() for a in arrays]
    assert [digest(array) for array in arrays] == expected
    assert len(set(expected)) == len(arrays)


def test_exact_numbers_are_those_that_python_writes_in_the_same_signs() -> None:
    random = Random(1)
    told = ["1.2345", "-0.5", "0.0001", "999999999.5"]
    others = [
        "1.234",
        "-12.000",
        "0.00001",
        "1e5",
        "5",
        "5.00",
        "007.5",
        "-.5",
        "a.b",
        "",
        " 1.5",
        "nan",
        "1.",
        "١.٥",
        "+1.5",
    ]
    others += ["0.1234567890123456789", "1.5\n", "1.2.3"]
    made = [repr(random.uniform(-1, 1) * 10 ** random.randint(-7, 18)) for _ in range(5000)]
    for cells in (told + made, told + others + made):
        values, exact = exact_numbers(cells)
        assert [str(value) for value in values.tolist()] == [cell for cell, e in zip(cells, exact, strict=True) if e]
        assert exact[: len(told)].all() and not set(others) & {cells[row] for row in np.flatnonzero(exact)}
        assert exact.sum() > 2000


def test_exact_numbers_of_a_column_that_is_not_all_text() -> None:
    values, exact = exact_numbers([1.5, "2.5"])
    assert not len(values) and exact.tolist() == [False, False]
