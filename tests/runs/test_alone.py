"""Claims of what tasks gain: each one alone is a run of its own on the same rows, and the difference is paired."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart as hs
import toys
from headstart.core.choice import Choice
from headstart.core.recipe import Recipe, Stage
from headstart.core.types import Event
from headstart.evaluation.results import Interval
from headstart.objectives.tasks import Tasks
from headstart.runs import alone
from headstart.runs.gain import Baseline, Gain, Measure

DATA = toys.mixed(rows=60)
SETTINGS: dict[str, Any] = {"alone": "yes", "stages.0.optimiser": "adamw", "stages.0.lr": 0.02}
WORDS: dict[str, Any] = {"source": "vector:mlp", "strategy": "full", "steps": 12, "batch_size": 8, "seed": 3}


def test_a_task_alone_has_its_own_rows_and_labels_and_nothing_to_share() -> None:
    data = alone.alone_data(DATA, "size")
    assert list(data.task.targets) == ["size"] and list(data.pools) == ["train", "unlabelled"]
    for split, rows in data.splits.items():
        whole = DATA.splits[split]
        assert list(rows.ids) == list(np.array(whole.ids)[whole.known["size"]]) and list(rows.labels) == ["size"]
    stage = Stage(sharing=Choice("soft"), combine=Choice("mgda"), imbalance="weights", steps=7)
    recipe = Recipe(stages=(stage,), main="mood", seed=5)
    number = alone._recipe(recipe, data, (Tasks(),))  # a number has no rare classes
    classes = alone._recipe(recipe, alone.alone_data(DATA, "mood"), (Tasks(),))
    assert number.stages == (Stage(imbalance="none", steps=7),) and classes.stages == (
        Stage(imbalance="weights", steps=7),
    )
    assert number.main is None and number.seed == 5


@pytest.mark.parametrize(
    ("wanted", "budget", "is_trained"),
    [("yes", None, True), ("no", 1000.0, False), ("auto", None, False), ("auto", 40.0, True), ("auto", 39.0, False)],
)
def test_by_itself_only_a_budget_has_room_for_it(wanted: Any, budget: float | None, *, is_trained: bool) -> None:
    assert alone._wanted(Recipe(alone=wanted, budget=budget), 3, seconds=10.0) == is_trained  # 10 s, and 3 times 10 s


def test_it_is_said_in_points_or_in_the_metric_s_own_unit() -> None:
    names = {"test:mood": Measure("accuracy", True), "test:size": Measure("rmse", False)}
    found = {
        "test:mood": {"accuracy": Interval(0.012, -0.004, 0.028)},
        "test:size": {"rmse": Interval(-0.31, -0.52, -0.1)},
    }
    gain = Gain("full of x", {}, names, (Baseline("alone", "", "", True, found, found),))
    assert list(gain.over_alone().values()) == [
        "mood: +1.2 points of accuracy over being trained alone (-0.4 to 2.8)",
        "size: -0.31 rmse over being trained alone (-0.52 to -0.10; lower is better)",
    ]
    assert gain.said() == [] and gain.best("test:mood") is None  # it is not one of the cheap baselines


@pytest.mark.slow  # three runs
def test_a_task_alone_is_measured_as_a_run_of_its_own(tmp_path: Path) -> None:
    run = hs.fit(DATA, **WORDS, settings=SETTINGS, out=tmp_path / "both", progress=False)
    assert run.gain is not None
    theirs = run.gain["alone"]
    for name in ("mood", "size"):
        lone = hs.fit(alone.alone_data(DATA, name), **WORDS, settings=SETTINGS, out=tmp_path / name, progress=False)
        assert lone.gain is not None and "alone" not in [each.name for each in lone.gain.baselines]
        for split in ("validation", "test"):
            assert theirs.metrics[f"{split}:{name}"] == lone.gain.metrics[split]
        metric = run.gain.measures[f"test:{name}"].metric
        difference = theirs.differences[f"test:{name}"][metric].value
        mine, other = (
            run.evaluations[f"test:{name}"].metrics[metric].value,
            lone.evaluations["test"].metrics[metric].value,
        )
        assert mine is not None and other is not None and difference == pytest.approx(mine - other, abs=1e-6)
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    said = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["gain"]["alone"]
    assert said == run.gain.over_alone() and list(said) == ["test:mood", "test:size"]
    assert all(page.count(line) == 2 for line in said.values())  # at the top, and with the task


@pytest.mark.slow  # a run
def test_heads_that_were_solved_are_not_trained_alone(tmp_path: Path) -> None:
    events: list[Event] = []
    out = tmp_path / "run"
    run = hs.fit(DATA, source="vector:columns", settings={"alone": "yes"}, out=out, listen=events.append)
    assert run.gain is not None and run.gain.over_alone() == {}
    why = "no baseline alone beside this run: each head was solved by itself, and is what it would be alone"
    assert why in [event.message for event in events]
