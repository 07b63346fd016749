"""Claims: what a column holds does not depend on how it is stored, and costs work for each different text, not for each
cell."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from headstart.core import cells, columns
from headstart.core.columns import cells_of, distinct
from headstart.data.inputs import contents
from headstart.inputs import _kinds
from headstart.inputs._encoding import Encoding
from headstart.inputs._kinds import blanks, date_form, is_dates, kind, read_dates, read_numbers
from headstart.inputs._text_columns import columns_of_text, texts_of

COLUMNS = {
    "plain": ["1.5", "2", "-3e2"] * 9,
    "blanks": ["1.5", "", "NA", " n/a ", "3"] * 9 + ["4"] * 60,
    "flags": ["true", "False", " TRUE"] * 9,
    "category": ["a", "b b", "味道"] * 9,
    "mixed": ["7", "seven", "?"] * 9,
    "names": [f"Ann {place}" for place in range(30)],
    "codes": [f"x{place}" for place in range(30)],
    "days": ["2021-03-01", "2021-03-02", " 2021-03-03 "] * 9,
    "german": ["01.03.2021", "02.03.2021", ""] * 9,
    "one day": ["2021-03-01"] * 9,
    "one": ["same"] * 9,
    "empty": ["", " ", "nan"] * 9,
    "long": ["a text of more than forty signs, which is no name", "another one, as long as the first or longer"] * 9,
}
STORED: dict[str, Callable[[list[str]], Any]] = {
    "objects": lambda texts: pd.Series(texts, dtype=object),
    "pandas text": lambda texts: pd.Series(texts, dtype="str"),
    "arrow": lambda texts: pa.chunked_array(
        [pa.array(texts[:5], pa.large_string()), pa.array(texts[5:], pa.large_string())]
    ),
    "array": lambda texts: np.array([*texts, None], dtype=object)[:-1],
}


class Word(str):
    """A text of another type, which no array of text takes: each cell is looked at by itself."""


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_the_same_however_it_is_stored(name: str) -> None:
    alone = [Word(text) for text in COLUMNS[name]]
    for stored, make in STORED.items():
        column = make(COLUMNS[name])
        assert kind(name, column) == kind(name, alone), stored
        assert blanks(column).tolist() == blanks(alone).tolist(), stored
        assert is_dates(column) == is_dates(alone), stored
        for ours, theirs in zip(read_numbers(column), read_numbers(alone), strict=True):
            assert np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"), stored
        found, places = distinct(column)
        assert [found[place] for place in places] == cells_of(column) and len(set(found)) == len(found), stored
        rows, others = _array(cells_of(column)), _array(alone)
        learnt = Encoding.learn(name, rows)
        assert learnt == Encoding.learn(name, others), stored
        assert (learnt.encode(rows) == learnt.encode(others)).all(), stored


def _array(cells: list[Any]) -> np.ndarray:
    return np.fromiter(cells, dtype=object, count=len(cells))


def test_none_among_numbers_is_blank_and_nan_a_number() -> None:
    column = pd.Series([1, None, 2.5, float("nan"), True], dtype=object)
    values, found = columns.numbers_of(column)
    assert found.tolist() == [True, False, True, True, True]
    assert values[[0, 1, 2, 4]].tolist() == [1.0, 0.0, 2.5, 1.0] and np.isnan(values[3])
    assert blanks(column).tolist() == [False, True, False, True, False]


def test_texts_and_dates_that_are_equal_are_read_once_and_stay_in_their_rows() -> None:
    days = [datetime.date(2021, 3, 1), "2021-03-02", datetime.date(2021, 3, 1), "no day", "2021-03-02"]
    found = read_dates(days, "ISO8601")
    assert np.diff(found[[0, 1]]).tolist() == [1.0] and found[0] == found[2] and found[1] == found[4]
    assert np.isnan(found[3])
    assert date_form(["2021-03-02", "2021-03-02", "x"] * 3) == ""
    assert date_form(["2021-03-02"] * 20 + ["x"]) == "ISO8601"


def test_the_work_grows_with_the_different_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"looks": 0}

    def counted(work: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def look(cell: Any) -> Any:
            counts["looks"] += 1
            return work(cell)

        return look

    for place, name in ((columns, "number"), (columns, "blank"), (_kinds, "number"), (_kinds, "blank")):
        monkeypatch.setattr(place, name, counted(getattr(cells, name)))
    rows = 3000
    frame = pd.DataFrame(
        {
            "city": ["Bonn", "Oslo", " "] * (rows // 3),
            "day": ["2021-03-01", "2021-03-02", "?"] * (rows // 3),
            "size": ["1.5", "2.5", "n/a"] * (rows // 3),
            "flag": ["true", "false", ""] * (rows // 3),
        },
        dtype="str",
    )
    assert [kind(str(name), frame[name]) for name in frame] == ["category", "date", "number", "number"]
    assert columns_of_text(frame, ["city", "day"]) == ()
    assert 0 < counts["looks"] < 2000


SHORT_AND_LONG = [
    "1.5", " infinity ", "nan", "n/a" + " " * 60, "true" + " " * 60, "1" * 80, "٣" * 50, "e" * 50, "x" * 50, "味" * 30,
    " " * 60, "null", "a sentence of more than forty signs, which is no number", "1 year and more than forty signs",
]  # fmt: skip


def test_long_words_are_passed_over_and_nothing_else() -> None:
    column, alone = pd.Series(SHORT_AND_LONG, dtype="str"), [Word(text) for text in SHORT_AND_LONG]
    assert blanks(column).tolist() == blanks(alone).tolist()
    for ours, theirs in zip(read_numbers(column), read_numbers(alone), strict=True):
        assert np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f")


def test_a_column_of_long_texts_is_not_looked_at_cell_by_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Any] = []
    for place, name in ((columns, "number"), (columns, "blank"), (_kinds, "number"), (_kinds, "blank")):
        real = getattr(cells, name)
        monkeypatch.setattr(place, name, lambda cell, real=real: (looks.append(cell), real(cell))[1])
    texts = [f"the film number {place} is longer than forty signs are" for place in range(5000)]
    column = pd.Series(texts, dtype="str")
    assert not is_dates(column) and not _kinds.written_form(column) and not blanks(column).any()
    assert not read_numbers(column)[1].any() and contents(column) == "text"
    frame = pd.DataFrame({"text": column})
    assert texts_of(frame, ["text"]) == texts
    assert len(looks) < 3000


def test_the_first_cells_decide_only_where_they_are_many_and_none_is_a_number() -> None:
    words = [f"word {place}" for place in range(50)]
    assert _kinds.written_form([*words[:20], *[f"1,{place}" for place in range(900)]]) == ""
    assert _kinds.written_form([" "] * 500 + [f"1,{place}" for place in range(900)]) == ","
    assert is_dates([" "] * 500 + ["2021-03-01"] * 20) and not is_dates(["x"] * 250 + ["2021-03-01"] * 20)
