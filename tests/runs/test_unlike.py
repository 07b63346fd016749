"""Test rows that look unlike the training rows: when it is said, how often of like rows, and where it is kept."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import headstart as hs
import toys
from headstart.core.types import LEAST_TO_COMPARE, Event
from headstart.data.rows import Dataset, Rows
from headstart.inputs.vector import Vector
from headstart.runs.unlike import check_alike
from headstart.solvers import two_samples

TOLD = "the test rows look unlike the training rows: by their features a linear classifier puts "


def split(name: str, inputs: np.ndarray, labels: np.ndarray) -> Rows:
    return Rows([f"{name} {row}" for row in range(len(inputs))], inputs.astype(np.float32), {"target": labels})


def given(train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], **more: Any) -> Dataset:
    """Make data whose splits were given, each of inputs and labels."""
    splits = {"train": split("train", *train), "test": split("test", *test)}
    return Dataset(toys.task_for(Vector(1), classes=2), splits, {}, **more)


def checked(data: Dataset, seed: int = 0, **settings: Any) -> str:
    return check_alike(data, lambda name, places: data.splits[name].inputs[places], seed, **settings)


def drawn(random: np.random.Generator, rows: int, shift: float = 0.0, share: float = 0.5) -> Any:
    """Draw rows of two classes, a share of them of the second, which lies two deviations beside the first."""
    labels = (random.random(rows) < share).astype(np.int64)
    return random.normal(size=(rows, 20)) + 2 * labels[:, None] + shift * np.eye(20)[1], labels


def test_a_shift_is_told_with_its_size_and_what_to_do() -> None:
    random, heard = np.random.default_rng(0), list[Event]()
    told = checked(given(drawn(random, 300), drawn(random, 200, shift=3)), listen=heard.append)
    assert told.startswith(TOLD) and "hs.adapt(DATA, target='TARGET')" in told
    assert [(event.kind, event.message) for event in heard] == [("warning", told)]
    assert 0.85 < int(told.removeprefix(TOLD).partition("%")[0]) / 100 < 0.98  # halfway between them: 0.93


def test_other_shares_of_the_classes_are_no_shift() -> None:
    random = np.random.default_rng(0)
    data = given(drawn(random, 400, share=0.2), drawn(random, 400, share=0.8))
    assert checked(data) == ""
    alike = {"target": np.zeros(400, dtype=np.int64)}  # as if all rows were of one class
    rows = {name: dataclasses.replace(part, labels=alike) for name, part in data.splits.items()}
    assert checked(dataclasses.replace(data, splits=rows)) != ""


def test_copies_of_few_things_are_not_many_rows() -> None:
    """Twenty patients with 20 pictures each: a patient is told from others, which is no shift of test rows."""
    random = np.random.default_rng(0)
    inputs = np.repeat(10 * random.normal(size=(20, 20)), 20, axis=0) + random.normal(size=(400, 20))
    labels = np.tile([0, 1], 100)
    data = given((inputs[:200], labels), (inputs[200:], labels))
    assert checked(data) != ""
    groups = {f"{name} {row}": f"{name} {row // 20}" for name in ("train", "test") for row in range(200)}
    assert checked(dataclasses.replace(data, groups=groups)) == ""


def test_a_drawn_split_another_domain_few_rows_and_lost_features_are_not_looked_at() -> None:
    random = np.random.default_rng(0)
    data = given(drawn(random, 200), drawn(random, 200, shift=9))
    assert checked(data) != ""
    assert checked(dataclasses.replace(data, drawn=("test",))) == ""
    assert checked(given(drawn(random, 200), drawn(random, LEAST_TO_COMPARE - 1, shift=9))) == ""
    assert check_alike(data, lambda _, places: np.full((len(places), 2), np.nan), 0) == ""
    other = dataclasses.replace(data.splits["test"], domains=np.ones(200, dtype=np.int64))
    assert checked(dataclasses.replace(data, splits={**data.splits, "test": other})) == ""


@pytest.mark.slow
def test_of_like_rows_it_is_hardly_ever_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 random divisions of the same rows: nothing is said at the level, and at one of 0.05 in about one in 20."""
    random = np.random.default_rng(0)
    inputs, labels = drawn(random, 300)

    def alarms() -> int:
        orders = [np.random.default_rng(number).permutation(300) for number in range(300)]
        parts = [[(inputs[half], labels[half]) for half in (order[:180], order[180:])] for order in orders]
        return sum(checked(given(*part), number) != "" for number, part in enumerate(parts))

    assert alarms() == 0
    monkeypatch.setattr(two_samples, "LEVEL", 0.05)
    assert 0 < alarms() <= 15 + 3 * np.sqrt(15 * 0.95)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_a_run_keeps_it_in_its_notes_and_its_report(shift: float, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, (inputs, labels) in {"train": drawn(random, 150), "test": drawn(random, 150, shift)}.items():
        columns = {f"x{column}": inputs[:, column] for column in range(20)}
        table = pd.DataFrame(columns | {"label": np.array(["no", "yes"])[labels]})
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    run = hs.fit(tmp_path, source="vector:columns", out=tmp_path / "run")
    seen = json.loads((tmp_path / "run" / "report.json").read_text())
    for notes in (run.notes, seen["notes"]):
        assert sum(note.startswith(TOLD) for note in notes) == (shift > 0)
    assert ("look unlike the training rows" in (tmp_path / "run" / "report.html").read_text()) == (shift > 0)
