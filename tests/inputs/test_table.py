"""Tables as people have them: categories, dates and blanks become numbers by what training rows say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.data.tables import make_frame
from headstart.inputs import vector
from headstart.inputs._encoding import MOST_VALUES, Encoding, describe
from headstart.inputs._kinds import kind
from headstart.inputs.vector import Vector
from headstart.models.cards import input_from_plain, input_to_plain

ROWS = 60
RANDOM = np.random.default_rng(0)
DAYS = pd.date_range("2021-03-01", periods=ROWS, freq="9D")
NAMES = [f"{first} {last}" for first in ("Ann", "Bob", "Cem", "Dora", "Eve", "Fay") for last in "ABCDEFGHIJ"]


def table(**more: Any) -> pd.DataFrame:
    """Make a table of every kind of column; the label follows from city, age and day."""
    city = ["Bonn", "New York", "Oslo"] * 20
    age = [str(20 + place % 30) if place % 6 else "" for place in range(ROWS)]
    columns = {
        "id": range(100, 100 + ROWS),
        "name": NAMES,
        "city": city,
        "age": age,
        "joined": DAYS.strftime("%d.%m.%Y"),
    }
    columns |= {"vip": ["True", "false"] * 30, "land": ["DE"] * ROWS, "empty": [""] * ROWS, **more}
    return pd.DataFrame(columns | {"bought": ["yes" if c == "Bonn" else "no" for c in city]})


def learn(cells: list[Any]) -> Encoding:
    return Encoding.learn("x", np.array(cells, dtype=object))


def encode(encoding: Encoding, cells: list[Any]) -> list[list[float]]:
    return encoding.encode(np.array(cells, dtype=object)).round(4).tolist()


@pytest.mark.parametrize(
    ("name", "cells", "found"),
    [
        ("a", ["1", "2.5", "", "NA", "3", "?"] * 5, "number"),
        ("a", [1, 0, True, None] * 5, "number"),
        ("a", ["red", "blue", "deep blue"] * 5, "category"),
        ("a", ["2024-01-05", "", "2023-12-24 10:00"] * 5, "date"),
        ("a", list(DAYS), "date"),
        ("a", list(DAYS.strftime("%m/%d/%Y")), "date"),
        ("patient_id", [7, 3, 9, 4], "counter"),
        ("PassengerId", [7, 3, 9, 4], "counter"),
        ("paid", [7, 3, 9, 4], "number"),
        ("n", range(1, 30), "counter"),
        ("year", range(1990, 2020), "number"),
        ("a", [f"k{place}" for place in range(30)], "counter"),
        ("a", [5, 5.0, "5"], "constant"),
        ("a", ["x", "x", "x"], "constant"),
        ("a", [5, 5, None], "number"),
        ("a", ["", None, " "], "blank"),
        ("a", NAMES, "text"),
        ("a", [[1], [2]], "other"),
    ],
)
def test_what_a_column_holds(name: str, cells: list[Any], found: str) -> None:
    assert kind(name, pd.Series(list(cells), dtype=object)) == found


def test_a_table_becomes_rows_of_numbers_and_says_what_is_left_out() -> None:
    dataset = read(table(), DataPlan())
    assert (dataset.task.modality, dataset.task.inputs) == ("vector", ("city", "age", "joined", "vip"))
    told = "\n".join(dataset.notes)
    for word in ("'id' (tells each row", "'name' (text that", "'land' (the same", "'empty' (blank"):
        assert word in told


def test_a_table_with_a_long_text_stays_one_of_texts() -> None:
    words = [f"a review of the product that goes on for a while, number {place}" for place in range(ROWS)]
    assert read(table(remark=words), DataPlan()).task.inputs == ("remark",)
    few = table()[["name", "age", "bought"]]  # names and one number: likely the names are what it is about
    assert read(few, DataPlan()).task.inputs == ("name",)
    assert read(few, DataPlan(inputs=("name", "age"))).task.modality == "vector"


def test_flags_of_a_table_of_numbers_are_no_labels_beside_the_last() -> None:
    frame = table(smoker=[0, 1] * 30).assign(bought=[0, 0, 1] * 20)
    assert read(frame, DataPlan()).task.labels == ("bought",)


def test_categories_are_the_values_of_training_and_others_are_nothing() -> None:
    encoding = learn(["red", "blue", "red", "blue", "teal", 1, 1.0, "1"])
    assert encoding.values == ("1", "blue", "red")
    assert encoding.rare == 1
    assert encode(encoding, ["red", "1.0", 1, "teal", "green", None]) == [
        [0, 0, 1],
        [1, 0, 0],
        [1, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
    ]
    blank = learn(["a", "b", None, "a", "b", ""])
    assert encode(blank, ["a", ""]) == [[1, 0, 0], [0, 0, 1]]
    flags = learn([True, False] * 3)
    assert encode(flags, ["true", "False", True]) == encode(flags, [True, False, 1])
    many = learn([f"v{place % 80}" for place in range(400)])
    assert (len(many.values), many.rare) == (MOST_VALUES, 30)


def test_numbers_are_standardised_and_blanks_are_the_median_and_told() -> None:
    encoding = learn([1, "3", None, 5, "NA"])
    assert encode(encoding, [3, "", 5]) == [[0, 0], [0, 1], [pytest.approx(1.5811, abs=1e-4), 0]]
    assert encode(learn([1, 3]), [None, 3]) == [[0], [1]]  # none was blank in training: the median alone
    assert learn([4, 4, 4]).width == 0


def test_dates_are_days_with_the_times_of_year_and_week() -> None:
    encoding = learn(list(DAYS.strftime("%d.%m.%Y")))
    days, sine, cosine, *_ = np.array(encode(encoding, ["01.01.2022", "02.07.2022", "01.01.2023"])).T
    assert days[0] < days[1] < days[2]
    assert abs(sine[0] - sine[2]) < 0.05 > abs(cosine[0] - cosine[2])
    assert cosine[0] * cosine[1] < -0.9
    assert encoding.encode(np.array(["05.01.2022"], dtype=object)).shape == (1, 5)
    assert learn(list(DAYS + pd.Timedelta(hours=5))).width == 7
    assert encode(encoding, [pd.Timestamp("2022-01-01"), "01.01.2022"])[0] == encode(encoding, ["01.01.2022"])[0]


def test_what_is_done_is_said_and_long_lists_are_cut() -> None:
    notes = describe([*(Encoding(f"c{place}", "category", values=("a", "b")) for place in range(30)), learn([1, None])])
    assert "c9 (2), and 20 more" in notes[0] and "c10" not in notes[0]
    assert "median" in notes[1]
    assert describe([learn([1, 2])]) == []


def test_an_encoding_is_plain_data() -> None:
    expects = Vector(4, (learn(["a", "b", "a", "b"]), learn([1, None, 3])))
    plain = json.loads(json.dumps(input_to_plain(expects), allow_nan=False))
    assert input_from_plain(plain) == expects
    assert input_from_plain({"modality": "vector", "dim": 4}) == Vector(4)  # of version 0.1


@pytest.mark.parametrize("source", ["vector:columns", "vector:mlp"])
def test_a_saved_model_predicts_from_the_raw_table(source: str, tmp_path: Path) -> None:
    frame = table()
    told: list[str] = []
    run = hs.fit(frame, source=source, out=tmp_path / "run", listen=lambda event: told.append(event.message))
    assert any("categories" in text and "city (3)" in text for text in told)
    assert any("blank cells" in text and "age" in text for text in told)
    predictor = hs.load(run.folder)
    few = frame[["joined", "age", "city", "vip"]].head(3)
    assert list(predictor.predict(few)) == ["yes", "no", "no"]
    few.to_csv(tmp_path / "few.csv", index=False)
    assert predictor.predict(tmp_path / "few.csv") == ["yes", "no", "no"]
    assert predictor.predict([["Bonn", None, "01.02.2022", True], ["Paris", 30, "01.02.2022", False]])[0] == "yes"
    with pytest.raises(DataError, match="no column 'city'"):
        predictor.predict(few.drop(columns="city"))
    with pytest.raises(DataError) as caught:
        predictor.predict(few.assign(age=["1", "old", ""], joined=["soon", "02.02.2022", ""]))
    assert sorted(str(problem) for problem in caught.value.problems) == [
        "all[0]: column 'joined': 'soon' is not a date as in training (correct it)",
        "all[1]: column 'age': 'old' is not a number (correct it)",
    ]


def test_only_training_rows_teach_the_encoding(tmp_path: Path) -> None:
    train = table()
    test = table().assign(age=["1000"] * ROWS, city=["Rome"] * ROWS)
    run = hs.fit({"train": train, "test": test}, source="vector:columns", out=tmp_path / "run")
    learnt: Any = hs.load(run.folder).model.backbone.card.input
    city, age = learnt.table[0], learnt.table[1]
    assert "Rome" not in city.values
    assert age.mean < 50


def test_wrong_cells_of_any_split_are_named_before_training(tmp_path: Path) -> None:
    bad = table().assign(joined=["someday", *DAYS.strftime("%d.%m.%Y")[1:]])
    with pytest.raises(DataError, match=r"test\[0\]: column 'joined'"):
        hs.fit({"train": table(), "test": bad}, source="vector:columns", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_networks_made_for_plain_numbers_say_what_they_cannot_take() -> None:
    plain = Vector(2)
    assert "dates or categories" in plain.refuses(np.array([["a", 1]], dtype=object))
    assert plain.wrong(np.array([[1, np.nan]], dtype=np.float32)) == [
        (0, "number 2 is blank, and the network was not made for blank cells")
    ]
    with pytest.raises(UsageError, match="No column tells"):
        Vector.measure(np.ones((3, 2), dtype=np.float32), ("a", "b"))


def test_numbers_of_a_large_table_are_kept_as_numbers_and_read_as_their_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = {"size": ["1.25", "1.234", "", "2.5"] * 3, "kind": ["1.5", "red", "blue", "red"] * 3}
    frame = make_frame(cells, [str(row) for row in range(12)])
    columns = list(cells)
    small = Vector.read(frame, columns)
    monkeypatch.setattr(vector, "MANY", 12)
    large = Vector.read(frame, columns)
    assert small[:4, 0].tolist() == ["1.25", "1.234", "", "2.5"] and large[:4, 0].tolist() == [1.25, "1.234", "", 2.5]
    assert large[:, 1].tolist() == small[:, 1].tolist() == cells["kind"]
    for place, name in enumerate(columns):
        learnt = [Encoding.learn(name, each[:, place]) for each in (small, large)]
        assert learnt[0] == learnt[1]
        np.testing.assert_array_equal(learnt[0].encode(small[:, place]), learnt[0].encode(large[:, place]))
