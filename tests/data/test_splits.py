"""Divide rows by class, by group and by the seed."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headstart.core.errors import DataError, UsageError
from headstart.core.recipe import DataPlan, TargetPlan
from headstart.core.seeding import numpy_generator
from headstart.core.types import TARGET, Task
from headstart.data.read import read
from headstart.data.remarks import conflicts
from headstart.data.rows import Rows
from headstart.data.splits import SplitRows, make_splits

TEXTS = [f"this is sentence number {i}" for i in range(200)]


def frame(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"text": TEXTS, **columns})


def test_every_class_keeps_its_share() -> None:
    dataset = read(frame(label=["a"] * 160 + ["b"] * 40), DataPlan(test=0.25, validation=0.2))
    counts = {s: Counter(rows.y.tolist()) for s, rows in dataset.splits.items() if rows.y is not None}
    assert counts == {"train": {0: 96, 1: 24}, "validation": {0: 24, 1: 6}, "test": {0: 40, 1: 10}}


def test_the_seed_decides_and_test_rows_are_in_no_pool() -> None:
    data = frame(label=["a", "b"] * 100)
    first, same, other = (read(data, DataPlan(), seed=s) for s in (0, 0, 1))
    assert list(first.splits["test"].ids) == list(same.splits["test"].ids)
    assert set(first.splits["test"].ids) != set(other.splits["test"].ids)
    pooled = {row for rows in first.pools.values() for row in rows.ids}
    assert not pooled & set(first.splits["test"].ids)
    assert sorted(row for rows in first.splits.values() for row in rows.ids) == sorted(f"all[{i}]" for i in range(200))


@pytest.mark.parametrize(
    ("labels", "seed", "validation", "test"),
    [
        ("classes", 0, [2, 8, 19], [9, 13, 14]),
        ("classes", 1, [12, 16, 19], [7, 9, 10]),
        ("numbers", 0, [6, 8, 18], [0, 5, 17]),
    ],
)
def test_a_seed_gives_the_rows_that_it_always_gave(
    labels: str, seed: int, validation: list[int], test: list[int]
) -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    dataset = read((x, ["a", "b"] * 10 if labels == "classes" else x[:, 0]), DataPlan(validation=0.15), seed=seed)
    for name, rows in (("validation", validation), ("test", test)):  # a saved model is measured on its own test rows
        assert list(dataset.splits[name].ids) == [f"all[{row}]" for row in rows]


@pytest.mark.parametrize(
    ("labels", "share", "rows", "told"),
    [
        (["a", "b"] * 200, None, 51, "validation: 51 of 340 rows"),
        (["a", "b"] * 190, None, 0, "validation: none, as 48 rows (fewer than 50) are too few"),
        (["a", "b"] * 190, 0.2, 65, "validation: 65 of 323 rows"),
        ([f"the class {i % 60}" for i in range(600)], None, 0, "76 rows (under 2 a class) are too few"),
    ],
)
def test_a_validation_split_that_could_not_tell_steps_apart_is_not_made(
    labels: list[str], share: float | None, rows: int, told: str
) -> None:
    data = pd.DataFrame({"text": [f"this is sentence number {i}" for i in range(len(labels))], "label": labels})
    dataset = read(data, DataPlan(validation=share))
    assert len(dataset.splits.get("validation", ())) == rows and any(told in note for note in dataset.notes)


def test_rare_classes_stay_in_training() -> None:
    dataset = read(frame(label=["a"] * 99 + ["b"] * 99 + ["c", "d"]), DataPlan(validation=0.15))
    targets = dataset.splits["train"].y
    assert targets is not None and {2, 3} <= set(targets.tolist())
    assert "test: no row of 2 of 4 classes (c, d): its figures say nothing of them" in dataset.notes
    tiny = read((np.arange(6.0).reshape(3, 2), ["a", "b", "c"]), DataPlan(task="multiclass"))
    assert list(tiny.splits) == ["train"]


def test_several_labels_are_balanced_by_the_rarest() -> None:
    labels = [["common"], ["common", "rare"]] + [["common"]] * 8
    dataset = read(frame(label=labels * 20), DataPlan(test=0.5, validation=0.0))
    test = dataset.splits["test"].y
    assert test is not None
    assert test[:, 1].sum() == 10


@pytest.mark.parametrize("seed", range(5))
def test_58_a_group_never_spans_splits_and_is_no_input(seed: int) -> None:
    people = [f"the person {i % 23}" for i in range(200)]
    data = frame(label=["a", "b", "b", "a"] * 50, person=people)
    dataset = read(data, DataPlan(group="person", validation=0.15), seed=seed)
    homes = {s: {people[int(row[4:-1])] for row in rows.ids} for s, rows in dataset.splits.items()}
    assert set(homes) == {"train", "validation", "test"}
    assert not homes["train"] & homes["test"] and not homes["train"] & homes["validation"]
    assert not homes["validation"] & homes["test"]
    assert dataset.task.inputs == ("text",)
    assert 15 <= len(dataset.splits["test"]) <= 45


def test_58_a_group_that_spans_given_splits_is_refused() -> None:
    part = pd.DataFrame({"text": TEXTS[:20], "label": ["a", "b"] * 10, "person": ["x", "y"] * 10})
    with pytest.raises(DataError, match="group 'x'"):
        read({"train": part, "test": part.assign(person="x")}, DataPlan(group="person"))


def test_groups_that_each_hold_a_class_alone_cannot_be_split() -> None:
    with pytest.raises(DataError, match="too few groups"):
        read(frame(label=["a", "b"] * 100, person=["x", "y"] * 100), DataPlan(group="person"))


def expected_test_rows(strata: list[int], groups: list[str], share: float, seed: int) -> set[str]:
    """Choose whole groups as `make_splits` does, by looking at every row for every group."""
    seen: set[int] = set()
    free = []
    for group in numpy_generator(seed, "split", "test").permutation(sorted(set(groups))):
        members = [row for row, name in enumerate(groups) if name == group]
        if {strata[row] for row in members} <= seen:
            free.append(members)
        seen |= {strata[row] for row in members}
    chosen: list[int] = []
    for members in free:
        taken, wanted = len(chosen), share * len(strata)
        if abs(taken + len(members) - wanted) < abs(taken - wanted):
            chosen += members
    return {f"r{row}" for row in chosen or min(free, key=len)}


@pytest.mark.parametrize("seed", range(8))
def test_58_groups_are_chosen_as_by_looking_at_all_rows(seed: int) -> None:
    random = np.random.default_rng(seed)
    strata = random.integers(0, 3, 300)
    groups = [f"g{i}" for i in random.integers(0, [5, 40, 200][seed % 3], 300)]
    rows = Rows([f"r{i}" for i in range(300)], np.zeros((300, 1), dtype=np.float32), {TARGET: strata})
    task = Task.of("vector", "multiclass", ("x",), ("label",), ("a", "b", "c"))
    share = [0.15, 0.001, 0.5][seed // 3]
    splits, _ = make_splits({"all": SplitRows(rows, groups)}, task, DataPlan(test=share), seed)
    assert set(splits["test"].rows.ids) == expected_test_rows(strata.tolist(), groups, share, seed)


def test_many_groups_are_split_without_looking_at_all_rows_for_each() -> None:
    count = 60_000
    groups = [f"g{i // 3}" for i in range(count)]
    rows = Rows([f"r{i}" for i in range(count)], np.zeros((count, 1), dtype=np.float32), {TARGET: np.arange(count) % 2})
    task = Task.of("vector", "binary", ("x",), ("label",), ("a", "b"))
    start = time.process_time()
    splits, _ = make_splits({"all": SplitRows(rows, groups)}, task, DataPlan(), 0)
    assert time.process_time() - start < 5  # it takes half a second; a look at all rows for each group takes a minute
    assert sum(map(len, splits.values())) == count


def test_without_a_test_split_the_notes_say_so() -> None:
    half = pd.DataFrame({"text": TEXTS[:20], "label": ["a", "b"] * 10})
    dataset = read({"train": half, "dev": half}, DataPlan())
    assert any("validation figures were also used" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("plan", "rows", "told"),
    [
        (DataPlan(validation=0.4, test=0.5), 60, "training: only 18 of 60 rows are left to learn from"),
        (DataPlan(validation=0.0, test=0.9), 40, "training: only 4 of 40 rows are left to learn from"),
        (DataPlan(validation=0.2, test=0.2), 60, None),
        (DataPlan(), 60, None),
    ],
)
def test_little_that_is_left_to_learn_from_is_told(plan: DataPlan, rows: int, told: str | None) -> None:
    dataset = read(frame(label=["a", "b"] * 100)[:rows], plan)
    assert [note for note in dataset.notes if note.startswith("training:")] == ([told] if told else [])


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (DataPlan(test=0.99, validation=0), "test=0.99 leaves 0.6 of 60 rows to learn from, fewer than one of each of"),
        (DataPlan(test=0, validation=0.98), "validation=0.98 leaves 1.2 of 60 rows to learn from, fewer than one of e"),
        (DataPlan(test=0, validation=0.99, task="regression", labels=("n",)), "leaves 0.6 of 60 rows .* fewer than tw"),
    ],
)
def test_a_share_that_leaves_less_than_a_row_of_each_class_is_refused(plan: DataPlan, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read(frame(label=["a", "b", "c"] * 66 + ["a", "b"], n=range(200))[:60], plan)


def test_classes_without_validation_and_test_rows_are_told() -> None:
    labels = [f"the kind {i}" for i in range(40) for _ in range(5)]
    notes = read(frame(label=labels), DataPlan(task="multiclass", validation=0.1, test=0.15)).notes
    told = [note for note in notes if "no row of" in note]
    assert [note[:37] for note in told] == [
        "validation: no row of 23 of 40 classe",
        "test: no row of 10 of 40 classes (the",
    ]
    assert told[1].endswith("and 7 more): its figures say nothing of them") and all(len(note) < 125 for note in told)
    assert not any("no row of" in note for note in read(frame(label=["a", "b"] * 100), DataPlan()).notes)


def test_classes_that_given_splits_lack_are_told_by_target() -> None:
    part = pd.DataFrame({"text": TEXTS[:40], "mood": ["a", "b", "c", "d"] * 10, "size": ["s", "l"] * 20})
    targets = {name: TargetPlan((name,), "multiclass") for name in ("mood", "size")}
    other = part.assign(text=TEXTS[40:80])
    notes = read({"train": part, "test": other[other["mood"] < "c"]}, DataPlan(targets=targets)).notes
    assert "test:mood: no row of 2 of 4 classes (c, d): its figures say nothing of them" in notes
    assert not any("test:size: no row" in note for note in notes)


def test_copies_that_make_a_split_small_are_told() -> None:
    pictures = [np.full((4, 4, 3), i % 6, dtype=np.uint8) for i in range(60)]
    pictures[:4] = [np.full((4, 4, 3), 100 + i, dtype=np.uint8) for i in range(4)]
    notes = read((pictures, ["a", "b"] * 30), DataPlan(test=0, validation=0.2)).notes
    (told,) = [note for note in notes if "copies stay together" in note]
    assert told.startswith(
        "validation: keeps 1 of 12 rows, as 11 have copies in train and copies stay together (in all 50 of "
    )
    all_alike = read(([np.zeros((4, 4, 3), dtype=np.uint8)] * 20, ["a", "b"] * 10), DataPlan(validation=0.2))
    assert "validation: no rows were taken, all have copies" in all_alike.notes


@pytest.mark.parametrize(
    ("examples", "plural"),
    [
        ([np.full((4, 4, 3), i, dtype=np.uint8) for i in range(40)], "images"),
        (TEXTS[:40], "texts"),
        (np.arange(80.0).reshape(40, 2) ** 1.5, "rows of numbers"),
    ],
)
@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "regression"])
def test_copies_under_two_labels_are_told(examples: Any, plural: str, kind: str) -> None:
    labels: Any = {
        "multiclass": ["a", "b"] * 20,
        "multilabel": [["a"], ["a", "b"]] * 20,
        "regression": [0.5, 1.5] * 20,
    }[kind]
    examples = np.array(examples) if plural == "rows of numbers" else list(examples)
    examples[1] = examples[0]  # under another label
    examples[4] = examples[2]  # under the same
    examples[7] = examples[5]
    examples[8] = examples[5]  # a third one, under another
    told = f"5 of 40 {plural} are copies with different labels: all[0] = all[1], all[5] = all[8]"
    dataset = read((examples, labels), DataPlan(task=kind, test=0, validation=0))
    assert [note for note in dataset.notes if "different labels" in note] == [told]
    examples[1], examples[8] = (
        examples[30] + (1 if plural != "texts" else "!"),
        examples[31] + (1 if plural != "texts" else "!"),
    )
    assert not any("different labels" in note for note in read((examples, labels), DataPlan(task=kind)).notes)


def test_copies_of_many_rows_are_looked_for_in_no_time() -> None:
    rows = Rows(
        [f"r{i}" for i in range(200_000)],
        np.zeros((200_000, 1)),
        {TARGET: np.arange(200_000) % 2},
        [i.to_bytes(32) for i in [*range(199_000), *range(1_000)]],
    )
    task = Task.of("vector", "binary", ("x",), ("label",), ("a", "b"))
    start = time.process_time()
    assert conflicts([rows], task) == []
    assert conflicts([dataclasses.replace(rows, labels={TARGET: np.arange(200_000) % 3})], task)
    assert time.process_time() - start < 2


def test_56_texts_may_repeat_and_are_counted() -> None:
    half = pd.DataFrame({"text": TEXTS[:20], "label": ["a", "b"] * 10})
    dataset = read({"train": half, "dev": half, "test": half[:7]}, DataPlan())
    assert "7 of 7 test rows have the same text as a training row" in dataset.notes
