"""Several data sets are read each by itself, and put together as the tasks of one run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headstart.core.errors import DataError, Problem, UsageError
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.task import Task
from headstart.data.tasks import are_tasks, named, read_data

MOODS = [f"the {'good' if place % 2 else 'bad'} film {place}" for place in range(40)]
TALKS = [(f"a film {place}", f"a book {place}") for place in range(30)]


def moods(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"text": MOODS, "mood": ["glad" if place % 2 else "sad" for place in range(40)], **columns})


def talks() -> pd.DataFrame:
    pairs = {name: [pair[place] for pair in TALKS] for place, name in enumerate(("sentence1", "sentence2"))}
    return pd.DataFrame({**pairs, "score": [place / 7 for place in range(30)]})


def recipe(**tasks: dict[str, Any]) -> Recipe:
    return Recipe.from_plain({"tasks": tasks})


def test_a_recipe_names_tasks_in_the_place_of_one_data_set() -> None:
    plan = recipe(mood={"path": "a.csv", "test": 0.2}, topic={"path": "b.csv", "labels": ["kind"]})
    assert Recipe.from_toml(plan.to_toml()) == plan
    assert plan.title == "mood+topic" and list(plan.plans) == ["mood", "topic"]
    changed = plan.with_settings({"tasks.mood.path": "c.csv", "tasks.more.path": "d.csv"})
    assert [own.path for own in changed.plans.values()] == ["c.csv", "b.csv", "d.csv"]
    assert changed.tasks is not None and changed.tasks["mood"].test == 0.2
    assert "tasks" not in Recipe().to_plain()


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"data": {"path": "a.csv"}, "tasks": {"mood": {}}}, r"the data a\.csv and the tasks mood are both named"),
        ({"data": {"test": 0.2}, "tasks": {"mood": {}}}, r"with the tasks mood it is tasks\.mood\.test"),
        ({"tasks": {"my mood": {}}}, "a task's name is a word"),
        ({"tasks": {"mood": {"paht": "a.csv"}}}, r"called 'paht'\. Did you mean 'path'"),
        ({"tasks": {"mood": {"target_domain": ["art"]}}}, r"tasks\.mood\.target_domain cannot be named"),
        ({"tasks": {"mood": {"targets": {"a": {"labels": ["a"]}}}}}, "give each target its own task"),
    ],
)
def test_a_recipe_of_tasks_that_cannot_be_is_refused(plain: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Recipe.from_plain(plain)


def test_tasks_are_read_each_by_itself_and_put_together() -> None:
    plan = recipe(mood={"validation": 0.2, "test": 0.25}, talk={"validation": 0.1, "test": 0.5})
    data = read_data({"mood": moods(), "talk": talks()}, plan)
    assert {name: target.classes for name, target in data.task.targets.items()} == {"mood": ("glad", "sad"), "talk": ()}
    assert {split: len(rows) for split, rows in data.splits.items()} == {"train": 37, "validation": 8, "test": 25}
    train = data.splits["train"]
    assert train.known["mood"].sum() == 24 and np.array_equal(train.known["talk"], ~train.known["mood"])
    own, other = data.pools["task:mood"], data.pools["task:talk"]
    assert (len(own), len(other)) == (24, 13) and list(own.labels) == ["mood"] and not own.known
    assert all(row.startswith("mood/all[") for row in own.ids) and len({*train.ids}) == len(train)
    place = list(train.ids).index(other.ids[3])
    assert train.inputs[place] == other.inputs[3] and train.labels["talk"][place] == other.y[3]
    assert {"validation", "test"} <= {*data.drawn}
    assert any(note.startswith("talk: label: column 'score'") for note in data.notes)


def test_rows_and_labels_are_those_of_the_task_read_alone() -> None:
    plan = recipe(mood={}, talk={})
    both = {"mood": moods(), "talk": talks()}
    data = read_data(both, plan)
    for name, frame in both.items():
        alone = read_data(frame, Recipe())
        for split, rows in alone.splits.items():
            own = data.splits[split].of(name)
            assert list(own.ids) == [f"{name}/{row}" for row in rows.ids]
            assert list(own.inputs) == list(rows.inputs) and np.array_equal(own.y, rows.y)


def test_columns_of_the_inputs_may_differ_by_task() -> None:
    data = read_data({"talk": talks(), "mood": moods()}, recipe(talk={}, mood={}))
    assert data.task.inputs == ("text",) and data.task.inputs_of == {"talk": ("sentence1", "sentence2")}
    task = Task.parse(data.task.plain(), "here")
    assert task.for_columns(["sentence2", "sentence1", "id"]).inputs == ("sentence1", "sentence2")
    assert task.alone("talk").inputs == ("sentence1", "sentence2") and task.alone("mood").inputs == ("text",)
    assert list(task.alone("talk").targets) == ["talk"]
    with pytest.raises(UsageError, match=r"no task 'modd'\. Did you mean 'mood'"):
        task.alone("modd")


def test_the_data_of_a_saved_model_is_read_to_the_same_rows() -> None:
    both = {"mood": moods(), "talk": talks()}
    data = read_data(both, recipe(mood={}, talk={}))
    again = read_data(both, recipe(mood={}, talk={}), task=data.task)
    assert again.fingerprint == data.fingerprint and list(again.splits["test"].ids) == list(data.splits["test"].ids)
    other = read_data({**both, "talk": talks()[1:]}, recipe(mood={}, talk={}))
    assert other.fingerprint != data.fingerprint


def test_a_row_that_one_task_learns_and_another_is_tested_on_is_refused() -> None:
    first = {
        "train": (["a good film", "a bad film"] * 5, ["glad", "sad"] * 5),
        "test": (["new", "old"], ["glad", "sad"]),
    }
    second = {
        "train": (["of war", "of love"] * 5, ["war", "love"] * 5),
        "test": (["a bad film", "it"], ["war", "love"]),
    }
    with pytest.raises(DataError, match=r"topic/test\[0\]: is the same as mood/train\[9\], which is learnt"):
        read_data({"mood": first, "topic": second}, recipe(mood={}, topic={}))
    second["validation"] = second.pop("test")
    data = read_data({"mood": first, "topic": second}, recipe(mood={}, topic={}))
    assert any("1 validation row of 'topic' is learnt by 'mood' too" in note for note in data.notes)


def test_validation_rows_are_learnt_in_the_end_only_where_every_task_drew_its_own() -> None:
    given = {"train": moods(), "validation": moods(text=[f"an {text}" for text in MOODS])}
    data = read_data({"mood": given, "talk": talks()}, recipe(mood={}, talk={"validation": 0.2}))
    assert "validation" not in data.drawn and {*data.splits["validation"].targets} == {"mood", "talk"}


def test_rows_that_the_network_finds_bad_are_left_out_of_their_task() -> None:
    plan = recipe(mood={"skip_bad": True}, talk={"skip_bad": True})
    data = read_data({"mood": moods(), "talk": talks()}, plan, bad={"talk/all[3]": Problem("talk/all[3]", "is bad")})
    assert [problem.where for problem in data.left_out] == ["talk/all[3]"]
    assert not any("talk/all[3]" in rows.ids for rows in data.splits.values())
    assert any("mood/all[3]" in rows.ids for rows in data.splits.values())


def table(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({**columns, "label": [0, 1] * 20})


STEPS = np.arange(40.0) / 3
UNLIKE = {
    "modality": (table(a=STEPS, b=STEPS**2), "differ in modality: 'mood' is text .column 'text'.*'other' is vector"),
    "labels": (table(text=MOODS).assign(label=None), "Task 'other': The column 'label' has no label in any of 40 rows"),
    "rows": (table(text=MOODS)[:0], "Task 'other': There are no labelled training rows; the data has no rows"),
}


@pytest.mark.parametrize("what", UNLIKE)
def test_a_task_that_cannot_be_learnt_beside_another_is_refused(what: str) -> None:
    other, said = UNLIKE[what]
    with pytest.raises((DataError, UsageError), match=said):
        read_data({"mood": moods(), "other": other}, recipe(mood={}, other={}))


def test_numbers_of_tasks_are_the_same_numbers() -> None:
    first, other = table(a=STEPS, b=STEPS**2), table(a=STEPS, c=STEPS**2)
    with pytest.raises(UsageError, match=r"differ in their columns: 'one' is vector .columns 'a', 'b'.*'a', 'c'"):
        read_data({"one": first, "two": other}, recipe(one={}, two={}))
    wide: dict[str, Any] = {
        name: (np.tile(STEPS[:, None], size), [0, 1] * 20) for name, size in (("one", 3), ("two", 4))
    }
    with pytest.raises(UsageError, match=r"'one' have \(3,\) numbers and those of 'two' \(4,\)"):
        read_data(wide, recipe(one={}, two={}))


def test_a_task_needs_labels_and_data() -> None:
    with pytest.raises(UsageError, match="Task 'talk': One of several tasks is learnt from labels"):
        read_data({"mood": moods(), "talk": talks()}, recipe(mood={}, talk={"task": "none"}))
    with pytest.raises(UsageError, match="Name the data of the task 'talk'"):
        named({"mood": moods()}, recipe(mood={}, talk={}))
    with pytest.raises(UsageError, match=r"Several data sets are named .mood, talk., and this takes one"):
        named({"mood": moods(), "talk": talks()}, Recipe())
    with pytest.raises(UsageError, match=r"The data a\.csv and the tasks mood are both named"):
        named("a.csv", recipe(mood={}))
    with pytest.raises(UsageError, match=r"Task 'mood': There is no file or folder 'no\.csv'"):
        named(None, recipe(mood={"path": "no.csv"}))


def test_data_in_python_is_tasks_where_tables_have_names_that_are_no_splits(tmp_path: Path) -> None:
    table = moods()
    assert are_tasks({"mood": table, "topic": "questions.csv", "more": tmp_path})
    assert are_tasks({"mood": (["a", "b"], [0, 1]), "topic": {"train": (["a"], [0])}})
    assert not are_tasks({"train": table, "test": table}) and not are_tasks({"text": ["a", "b"], "label": [0, 1]})
    assert not are_tasks({"x": (1.5, 2.5), "y": (0, 1)}) and not are_tasks(table) and not are_tasks({})
    assert DataPlan() == Recipe().plans[""]
