"""Files of SQuAD and tables of questions: what is read of them, and what is refused with file and row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.data.readers.squad import Squad
from headstart.data.readers.table import Table
from headstart.targets._asked import Asked
from questions import asked, folder_of, write

ROWS = [asked(np.random.default_rng(seed)) for seed in range(12)]


def test_a_folder_of_files_of_squad(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data", {"train-v2.0": 8, "dev-v2.0": 4}, impossible=0.5)
    assert Squad().matches(folder) and not Table().matches(folder) and not Table().matches(folder / "dev-v2.0.json")
    found = read(folder, DataPlan())
    assert (found.task.kind, found.task.inputs, found.task.labels) == ("spans", ("question", "context"), ("answers",))
    assert "train-v2.0.json:train-v2.00" in found.splits["train"].ids
    label = Asked.of(found.splits["validation"].y[0])
    assert (label.question, label.context) == found.splits["validation"].inputs[0]
    assert all(label.context.startswith(text, start) for start, text in label.answers)


def test_questions_without_answers_are_to_be_predicted(tmp_path: Path) -> None:
    rows = [{key: row[key] for key in ("question", "context")} for row in ROWS]
    frame = Squad().read(write(tmp_path / "new.json", rows)).splits["all"]
    assert [*frame.columns] == ["question", "context"] and len(frame) == 12


def tables(root: Path) -> dict[str, tuple[Any, DataPlan]]:
    both = ("answer", "answer_start")
    flat = [
        {"question": r["question"], "context": r["context"], both[0]: a["text"], both[1]: a["answer_start"]}
        for r in ROWS
        for a in r["answers"]
    ]
    pd.DataFrame(flat).to_csv(root / "flat.csv", index=False)
    hub = [{**r, "answers": {k: [a[k] for a in r["answers"]] for k in r["answers"][0]}} for r in ROWS]
    pd.DataFrame(hub).to_parquet(root / "hub.parquet")
    pd.DataFrame([{**r, "answers": json.dumps(r["answers"])} for r in hub]).to_csv(root / "hub.csv", index=False)
    (root / "hub.jsonl").write_text("\n".join(map(json.dumps, hub)), encoding="utf-8")
    plans = {name: (root / name, DataPlan()) for name in ("hub.parquet", "hub.csv", "hub.jsonl")}
    named = DataPlan(labels=both, task="spans")
    return {**plans, "flat.csv": (root / "flat.csv", named), "memory": (hub, DataPlan())}


@pytest.mark.parametrize("name", ["hub.parquet", "hub.csv", "hub.jsonl", "flat.csv", "memory"])
def test_tables_of_questions(name: str, tmp_path: Path) -> None:
    data, plan = tables(tmp_path)[name]
    found = read(data, plan)
    assert (found.task.kind, found.task.inputs) == ("spans", ("question", "context"))
    rows = {Asked.of(label) for part in found.splits.values() for label in part.y}
    assert rows == {
        Asked(tuple((a["answer_start"], a["text"]) for a in r["answers"]), r["question"], r["context"]) for r in ROWS
    }


def test_bad_rows_are_listed_with_their_file_and_id(tmp_path: Path) -> None:
    rows = [dict(row) for row in ROWS]
    rows[1]["answers"] = [{"text": "purple", "answer_start": 3}]
    rows[2]["answers"] = [{"text": rows[2]["answers"][0]["text"], "answer_start": 999}]
    rows[3]["question"], rows[4]["context"] = " ", ""
    rows[5] |= {"is_impossible": True}
    rows[6] |= {"is_impossible": False, "answers": []}
    file = write(tmp_path / "train.json", rows)
    with pytest.raises(DataError) as caught:
        read(file, DataPlan())
    said = {problem.where.partition(",")[0]: problem.what for problem in caught.value.problems}
    assert "is said to have no answer" in said["train.json:train5"] and "has none" in said["train.json:train6"]
    kept = [row for place, row in enumerate(rows) if place not in (5, 6)]
    with pytest.raises(DataError) as caught:
        read(write(tmp_path / "some" / "train.json", kept), DataPlan())
    said = {problem.where.partition(",")[0]: problem.what for problem in caught.value.problems}
    assert {"train.json:train3", "train.json:train4"} <= {*said}, "blank questions and contexts"
    with pytest.raises(DataError) as caught:
        few = [row for place, row in enumerate(kept) if place not in (3, 4)]
        read(write(tmp_path / "few" / "train.json", few), DataPlan())
    said = {problem.where: problem.what for problem in caught.value.problems}
    assert "not in the context" in said["train.json:train1"] and "outside the context" in said["train.json:train2"]
    left = read(file, DataPlan(skip_bad=True))
    assert sum(map(len, left.splits.values())) == 6 and len(left.left_out) == 6


def test_an_answer_at_another_place_is_mended_and_told(tmp_path: Path) -> None:
    rows = [dict(row) for row in ROWS]
    (answer,) = rows[0]["answers"]
    rows[0]["answers"] = [{**answer, "answer_start": answer["answer_start"] - 1}]
    rows[0]["context"] += " end"
    found = read(write(tmp_path / "train.json", rows), DataPlan())
    assert any("1 of 12 rows has an answer that stands elsewhere" in note for note in found.notes)


def test_other_shapes_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "train.json"
    for content, said in (
        ('{"data": [{"paragraphs": [{"context"', "is the file cut off"),
        ('{"data": [{"paragraphs": [{"context": "a", "qas": 3}]}]}', r"paragraphs\[0\] has no list of objects 'qas'"),
        ('{"data": [{"paragraphs": [{"context": "a", "qas": []}]}]}', "has no question"),
    ):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(DataError, match=f"(?i){said}"):
            Squad().read(file)
    write(tmp_path / "train.json", ROWS)
    write(tmp_path / "other.json", ROWS)
    with pytest.raises(UsageError, match="call them train, dev and test"):
        Squad().read(tmp_path)
