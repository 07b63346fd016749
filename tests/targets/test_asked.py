"""Answers in cells, in their contexts, and what comes out of them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from headstart.core.errors import BadRows, DataError, UsageError
from headstart.data.tables import make_frame
from headstart.targets._asked import Asked, BadAnswer, read_answers
from headstart.targets._infer import LabelCells
from headstart.targets.spans import Spans

CONTEXT = "Anna went to Rome. Rome is old."


@pytest.mark.parametrize(
    "cell",
    [
        {"text": ["Anna", " went"], "answer_start": [0, 4]},
        [
            {"text": "Anna", "answer_start": 0},
            {"text": "went", "answer_start": "5"},
            {"text": "Anna", "answer_start": 0},
        ],
        '{"text": ["Anna", "went"], "answer_start": [0, 5.0]}',
        {"text": np.array(["Anna", "went"]), "answer_start": np.array([0, 5])},
    ],
)
def test_answers_of_a_cell(cell: Any) -> None:
    assert read_answers(cell).answers == ((0, "Anna"), (5, "went"))


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("Anna", "no JSON"),
        ({"text": "Anna"}, "has no text and answer_start"),
        ({"text": ["Anna"], "answer_start": []}, "1 texts and 0 starts"),
        ({"text": [" "], "answer_start": [3]}, "answer without text"),
        ({"text": ["a"], "answer_start": ["x"]}, "no whole number"),
        ([3], "holds no answers"),
        (7, "holds no answers"),
    ],
)
def test_cells_that_hold_none(cell: Any, said: str) -> None:
    with pytest.raises(BadAnswer, match=said):
        read_answers(cell)


def test_an_answer_that_stands_elsewhere_once_is_found_there() -> None:
    assert Asked(((0, "Anna"),)).within("who", CONTEXT) == Asked(((0, "Anna"),), "who", CONTEXT)
    assert Asked(((3, "went"),)).within("what", CONTEXT) == Asked(((5, "went"),), "what", CONTEXT, mended=True)
    for start, text, said in (
        (3, "Rome", "is at other places"),
        (3, "Bonn", "is not in the context"),
        (31, "Rome", "outside the context of 31"),
        (-1, "Anna", "outside"),
    ):
        with pytest.raises(BadAnswer, match=said):
            Asked(((start, text),)).within("where", CONTEXT)
    assert Asked.of(Asked(((13, "Rome"),), "wo", "ä").packed()) == Asked(((13, "Rome"),), "wo", "ä")


def test_labels_of_one_column_or_two() -> None:
    cells = [{"text": ["Anna"], "answer_start": [0]}, {"text": [], "answer_start": []}]
    frame = make_frame({"answers": cells, "answer": ["Anna", None], "start": ["0", "-1"]}, ["a", "b"])
    for columns in (("answers",), ("answer", "start")):
        target = Spans.of(columns).complete(frame, {"train": frame})
        assert target.unanswerable and "or none" in target.describe()
        labels = target.lay_over(["a", "b"], target.encode(frame), [None] * 2, [("who", CONTEXT)] * 2)
        assert target.collate(labels).tolist() == [[0, 4], [-1, -1]]
    assert Spans.fits(LabelCells.of(frame, ["answers"], None)) and not Spans.fits(
        LabelCells.of(frame, ["answer"], None)
    )
    with pytest.raises(UsageError, match="their texts and their starts"):
        Spans.of(("a", "b", "c"))
    with pytest.raises(UsageError, match="no pairs"):
        Spans(("answers",)).lay_over(["a"], [], [None], ["one text"])
    with pytest.raises(DataError, match="No question"):
        Spans(("answers",)).check_training([Asked(()).packed()])
    frame = make_frame({"answers": [3, cells[0], "x"]}, ["a", "b", "c"])
    with pytest.raises(BadRows) as caught:
        Spans(("answers",)).encode(frame)
    assert [problem.where for problem in caught.value.problems] == ["a", "c"]


TARGET = Spans(("answers",), unanswerable=False)
LABELS = [
    Asked(((13, "Rome"), (13, "Rome. Rome")), "where", CONTEXT).packed(),
    Asked((), "why", CONTEXT).packed(),
    Asked(((5, "went"),), "what", CONTEXT).packed(),
]
OUTPUTS = np.array(
    [[[13, 23, 0.5], [13, 17, 0.25]], [[0, 4, 0.75], [0, 0, 0.125]], [[0, 0, 0.5], [0, 0, 0]]], dtype=np.float32
)


def test_outcomes_of_answers() -> None:
    """Rome. Rome is one of two right answers; Anna answers what has no answer; nothing answers the third."""
    right, found = TARGET.check(LABELS, OUTPUTS)
    assert right.tolist() == [("Rome", "Rome. Rome"), (), ("went",)] and found.tolist() == ["Rome. Rome", "Anna", ""]
    assert TARGET.validation_loss(LABELS, OUTPUTS) == pytest.approx(2 / 3)
    assert TARGET.mistakes(LABELS, OUTPUTS).tolist() == [1, 2]
    assert "1 of 3 questions has no answer" in TARGET.notes(right)[0]
    told = TARGET.explain(LABELS[1], OUTPUTS[1])
    assert (told.label, told.prediction, told.how) == ("no answer", "Anna", "score 0.75")
    lines = dict(TARGET.marked(("what", CONTEXT), LABELS[2], OUTPUTS[2]))
    assert [piece[0] for piece in lines["label"]] == ["Anna ", "went", " to Rome. Rome is old."]
    assert [piece[:2] for piece in lines["predicted"]] == [("no answer", "predicted"), (CONTEXT, "")]
    laid = [TARGET.laid(each, (1, 1), ("q", CONTEXT)) for each in OUTPUTS]
    assert TARGET.predictions(laid) == ["Rome. Rome", "Anna", ""]
    cells = TARGET.cells(laid)
    assert (
        cells["start"] == [13, 0, -1] and cells["score"] == [0.5, 0.75, 0.5] and cells["prediction"][2] == "no answer"
    )
    assert json.loads(cells["spans"][0])[1:] == [{"text": "Rome", "start": 13, "end": 17, "score": 0.25}]
    assert [each["start"] for each in json.loads(cells["spans"][1])] == [0, -1] and len(
        json.loads(cells["spans"][2])
    ) == 1
    back, same = TARGET.read_table(TARGET.table(LABELS, OUTPUTS))
    assert all(map(np.array_equal, back, LABELS)) and np.array_equal(same, OUTPUTS)
    assert TARGET.predictions(TARGET.as_outputs(LABELS)) == [""] * 3
