"""Texts as labels and answers: read, packed, shown, and measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from headstart.core.errors import BadRows, DataError, UsageError
from headstart.core.types import LossOptions
from headstart.data.tables import make_frame
from headstart.targets._text_tables import sections
from headstart.targets._written_texts import filled, packed, texts_of
from headstart.targets.generation import Generation

TEXTS = ["ein Haus", "zwei Häuser", "中文", "x"]


def table(cells: list[object]) -> pd.DataFrame:
    return make_frame({"y": cells}, [f"rows.csv:{i + 2}" for i in range(len(cells))])


def made(cells: list[object] | None = None) -> tuple[Generation, pd.DataFrame]:
    frame = table(list(TEXTS) if cells is None else cells)
    return Generation.of(("y",)).complete(frame, {"train": frame}), frame


def test_texts_are_bytes_and_come_back() -> None:
    target, frame = made()
    labels = target.encode(frame)
    assert texts_of(labels) == TEXTS and target.longest == len("zwei Häuser".encode()) == 12
    y = target.collate(labels)
    assert y.shape == (4, 12) and texts_of(y.numpy()) == TEXTS
    cut = filled(labels, 4)
    assert texts_of(cut) == ["ein ", "zwei", "中", "x"], "half of a character is none"
    assert texts_of(cut.astype(np.float64)) == texts_of(cut)


def test_space_around_a_text_is_none_of_it_and_numbers_are_written() -> None:
    target, frame = made([" a\n", 7, 7.5, "é"])
    assert texts_of(target.encode(frame)) == ["a", "7", "7.5", "é"]


def test_bad_texts_are_listed_with_their_rows() -> None:
    with pytest.raises(BadRows) as caught:
        made(["a", "b\0c", "d", "\ud800"])
    assert [problem.where for problem in caught.value.problems] == ["rows.csv:3", "rows.csv:5"]
    with pytest.raises(BadRows) as caught:
        made(["a", "", "b", "  "])
    assert [problem.where for problem in caught.value.problems] == ["rows.csv:3", "rows.csv:5"]
    assert "has no label (column 'y')" in str(caught.value)


def test_one_text_for_all_rows_teaches_nothing() -> None:
    target, frame = made(["a", "a"])
    with pytest.raises(DataError, match="the same text in 'y'"):
        target.check_training(target.encode(frame))


def test_only_smoothing_fits_the_loss() -> None:
    target, _ = made()
    target.check_loss(LossOptions(label_smoothing=0.1))
    for options in (LossOptions(loss="mse"), LossOptions(class_weights=(1.0, 2.0))):
        with pytest.raises(UsageError):
            target.check_loss(options)


def test_outcomes() -> None:
    target, frame = made()
    labels = target.encode(frame)
    outputs = filled(map(packed, ["ein Haus", "zwei Hauser", "", "xyz"]), target.outputs)
    assert target.mistakes(labels, outputs).tolist() == [3, 2, 1]
    told = target.explain(labels[1], outputs[1])
    assert tuple(told) == ("zwei Häuser", "zwei Hauser", "1 edits, 2 words")
    columns = target.table(labels, outputs)
    assert columns["label"] == TEXTS and columns["prediction"][2] == ""
    back, again = target.read_table(columns)
    assert texts_of(back) == TEXTS and texts_of(again) == texts_of(outputs)
    assert target.predictions(target.as_outputs(labels).mean(axis=0)[None]) == [""]
    assert target.validation_loss(labels, filled(labels)) == pytest.approx(0)
    assert 0 < target.validation_loss(labels, outputs) < 1
    assert target.ranges(labels) == {"characters of y": [1, 5.5, 11]}
    assert target.notes(np.array(["a", "a"], dtype=object)) and not target.notes(np.array(["a"], dtype=object))
    with pytest.raises(DataError, match="each row needs both"):
        target.check(labels, outputs[:2])


def test_the_report_shows_short_and_long_labels_apart() -> None:
    labels = np.array(["a", "b", "cc", "dd", "eee", "fff"], dtype=object)
    answers = np.array(["a", "b", "cc", "xx", "", "f"], dtype=object)
    (found,) = sections(labels, answers)
    rows = found.blocks[0].rows
    assert [row[0] for row in rows] == ["1 to 1", "2 to 2", "3 to 3"]
    assert [row[3:] for row in rows] == [
        ("0.000", "1.000", "1.000"),
        ("0.5000", "0.5000", "1.000"),
        ("1.000", "0.000", "0.1667"),
    ]
    assert sections(labels[:5], answers[:5]) == []
