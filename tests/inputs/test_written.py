"""Numbers that are not written plainly are read where there is one way to read them, by every route, and told."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.core.errors import BadRows
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.inputs._encoding import Encoding
from headstart.inputs._kinds import kind, written_form
from headstart.inputs._written import number_form, read_number, readings


@pytest.mark.parametrize(
    ("cells", "form", "values"),
    [
        (["12,5", "3,25", "-7,1", "8"], ",", [12.5, 3.25, -7.1, 8]),
        (["1.234,5", "12,5", "1.234"], ",", [1234.5, 12.5, 1234]),
        (["1 234,5", "1\u00a0234,5", "1'234,5"], ",", [1234.5] * 3),
        (["0,123", "0,456"], ",", [0.123, 0.456]),
        (["1,234.5", "12.25", "1,234"], ".", [1234.5, 12.25, 1234]),
        (["1,234,567", "2,345,678"], ".", [1234567, 2345678]),
        (["1.234.567", "2.345.678"], ",", [1234567, 2345678]),
        (["$200,123", "$1,200.50", "-$5", "$-5"], ".$", [200123, 1200.5, -5, -5]),
        (["$200,123", "$300,456"], ".$", [200123, 300456]),
        (["€12,50", "1.200,00 €"], ",€", [12.5, 1200]),
        (["45 %", "7%", "12 %"], ".%", [45, 7, 12]),
        (["12,5 %", "7%"], ",%", [12.5, 7]),
        (["3 days 02:24:00", "0 days 12:00:00", "-1 days +12:00:00", "2 days"], "span", [3.1, 0.5, -0.5, 2]),
        (["1 day, 12:00:00", "0 days 00:00:43.2"], "span", [1.5, 0.0005]),
        # what may be read in two ways, or is written in several
        (["1,234", "2,345"], "", []),
        (["1.234 €", "2.345 €"], "", []),
        (["€1,234", "€2,345"], "", []),
        (["$1.234", "$2.345"], "", []),
        (["1,234", "2,345"] * 10 + ["12,5"], "", []),
        (["1.234,5", "1,234.5"], "", []),
        (["45 %", "45"], "", []),
        (["45 %", "$45"], "", []),
        (["1,2,3", "4,5"], "", []),
        (["1,2345,6", "4,5"], "", []),
        (["+-4,5", "4,5"], "", []),
        (["12,5 kg", "3,5 kg"], "", []),
        (["192.168.1.1", "10.0.0.1"], "", []),
        (["a", "b"], "", []),
        (["12,5", 3], "", []),
        ([], "", []),
    ],
)
def test_one_form_for_a_column_or_none(cells: list[str], form: str, values: list[float]) -> None:
    assert number_form(cells) == form
    if form:
        assert [read_number(cell, form) for cell in cells] == pytest.approx(values)


def test_plain_numbers_have_no_form_and_doubts_have_both_values() -> None:
    assert written_form(["1.5", "2.5", "12,5", *["3.5"] * 30]) == ""
    assert written_form(["NA", "", "12,5", "3,5"]) == ","
    assert kind("a", ["NA", "", "12,5", "3,5"]) == "number" and kind("a", ["7,5", "7,5"]) == "constant"
    assert readings(["8,745", "1,234"]) == [8.745, 8745]
    assert readings(["12,5"]) == readings(["a"]) == readings([]) == []


def test_the_form_of_training_reads_one_cell_alone() -> None:
    cells = np.array(["12,5", "3,25", "1.234,5", None], dtype=object)
    learnt = Encoding.learn("a", cells)
    assert (learnt.kind, learnt.form, learnt.fill) == ("number", ",", 12.5)
    alone = np.array(["1.234", 12.5, "12.5"], dtype=object)
    assert learnt.wrong(alone) == [(2, "is not a number as in training")]
    encoded = learnt.encode(alone[:2])[:, 0] * learnt.deviation + learnt.mean
    assert encoded.tolist() == pytest.approx([1234, 12.5], rel=1e-5)


def frame(rows: int = 40) -> pd.DataFrame:
    numbers = np.random.default_rng(0).normal(5, 2, rows)
    spans = [datetime.timedelta(minutes=int(100 * abs(value))) for value in numbers]
    return pd.DataFrame(
        {
            "size": [f"{value:.2f}".replace(".", ",") for value in numbers],
            "took": pd.to_timedelta(pd.Series(spans)),
            "count": [f"{1 + place},{place:03}" for place in range(rows)],
            "plain": numbers,
            "label": ["a", "b"] * (rows // 2),
        }
    )


def test_every_route_reads_them_alike_and_tells(tmp_path: Path) -> None:
    given = frame()
    given.to_csv(tmp_path / "a.csv", index=False)
    given.to_parquet(tmp_path / "a.parquet")
    found = [read(data, DataPlan(test=0, validation=0)) for data in (given, tmp_path / "a.csv", tmp_path / "a.parquet")]
    columns = ("size", "took", "plain")
    for data in found:
        assert data.task.inputs == columns and data.task.modality == "vector"
        inputs = data.splits["train"].inputs
        table = [Encoding.learn(name, inputs[:, place]) for place, name in enumerate(columns)]
        made = np.concatenate([each.encode(inputs[:, place]) for place, each in enumerate(table)], axis=1)
        assert [each.form for each in table] == [",", "span", ""]
        np.testing.assert_allclose(made[:, 0], made[:, 2], atol=0.01)
    notes = "\n".join(found[1].notes)
    assert f"column 'size': cells such as '{given['size'][0]}' are read as numbers (5.25: a decimal comma)" in notes
    assert "are read as numbers (0.3645833333: spans of time, in days)" in notes and "column 'plain':" not in notes
    assert "'count' (cells such as '1,000' may be 1 or 1000, and stay words: write numbers as 1200.5)" in notes


def test_a_run_keeps_the_form(tmp_path: Path) -> None:
    frame().drop(columns="count").to_csv(tmp_path / "a.csv", index=False)
    run = hs.fit(
        tmp_path / "a.csv", source="vector:mlp", settings={"stages.0.steps": 3}, out=tmp_path / "run", progress=False
    )
    model = hs.load(run.folder)
    rows = {"size": ["1.234", "12,5"], "took": ["1 days 00:00:00", "0 days 12:00:00"], "plain": [1.0, 2.0]}
    together = np.asarray(model.predict_proba(pd.DataFrame(rows)))
    alone = [np.asarray(model.predict_proba(pd.DataFrame(rows)[place : place + 1])) for place in range(2)]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-6)
    with pytest.raises(BadRows, match=r"column 'size': '12\.5' is not a number as in training"):
        model.predict(pd.DataFrame(rows | {"size": ["12.5", "12,5"]}))
