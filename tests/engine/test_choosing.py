"""Claims: which step a stage ends with, when patience ends it, and what is said; each protection on its own."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import toys
from headstart.core.recipe import Stage
from headstart.core.types import Event, Score
from headstart.criteria.validation import Validation
from headstart.data.rows import Rows
from headstart.engine.job import Outcome
from headstart.evaluation.quick import rated, rated_by_loss
from headstart.inputs.vector import Vector
from headstart.runs.refit import bounded

STAGE = Stage(steps=8, batch_size=24, lr=1e-3, evaluate=2, patience=0, warmup=0.0)  # a pass is one step


@dataclasses.dataclass(frozen=True)
class Given:
    """Scores that are given one after another."""

    scores: tuple[Score, ...]
    features: ClassVar[bool] = False
    asked: list[int] = dataclasses.field(default_factory=list)

    @property
    def pools(self) -> tuple[str, ...]:
        return ("validation",)

    def score(self, task: Any, given: Any) -> Score:
        self.asked.append(1)
        return self.scores[min(len(self.asked), len(self.scores)) - 1]


def figure(value: float, loss: float | None = None, parts: tuple[float, ...] = ()) -> Score:
    return Score("figure", value, True, loss, parts)


def end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *scores: Score, criterion: Any = None, **settings: Any
) -> tuple[Outcome, str]:
    """Train by scores that are made up; return the outcome, and what was said at the end."""
    build, by = toys.plugins.build, criterion or Given(scores)
    monkeypatch.setattr(
        "headstart.core.plugins.build", lambda kind, *rest: by if kind == "criteria" else build(kind, *rest)
    )
    data, seen = toys.dataset(Vector(6)), []
    stage = dataclasses.replace(STAGE, **settings)
    model = toys.make_model(toys.tiny(), data)
    outcome = toys.train(folder, model, data, stage=stage, validate=True, listen=seen.append)
    return outcome, next(event.message for event in seen if event.message.startswith("training ended"))


def test_the_loss_breaks_ties_and_of_equal_steps_the_later_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = [figure(0.9, 0.5), figure(0.9, 0.2), figure(0.9, 0.3), figure(0.1, 0.1)]
    assert "step 4 is taken: figure 0.9000 at step 4, 0.1000" in end(tmp_path / "loss", monkeypatch, *scores)[1]
    scores = [figure(0.9, 0.5), figure(0.9, 0.5), figure(0.9, 0.5), figure(0.1, 0.1)]
    assert "step 6 is taken" in end(tmp_path / "equal", monkeypatch, *scores)[1]
    scores = [figure(0.9), figure(0.9)]
    assert end(tmp_path / "all", monkeypatch, *scores)[1].endswith("all steps done; the last step is the best")


@pytest.mark.parametrize(("last", "back"), [(0.68, True), (0.70, False), (0.78, False)])
def test_a_step_is_taken_back_only_where_it_is_ahead_by_more_than_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: float, back: bool
) -> None:
    noise = np.array([1, -1] * 10) * 0.0125  # the standard error of the jackknife: 0.0125 sqrt(19) = 0.0545
    best, end_of_all = figure(0.8, parts=(0.8,) * 20), figure(last, parts=tuple((last + noise).tolist()))
    outcome, said = end(tmp_path, monkeypatch, best, end_of_all)
    assert ("step 2 is taken" in said) == back and ("which is within two standard errors (0.1090)" in said) != back
    assert outcome.best == (best if back else end_of_all)


def test_few_rows_choose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few, said = end(tmp_path / "few", monkeypatch, criterion=Validation(), patience=1, lr=1e-9)
    assert said.endswith("all steps done; the last step counts: 12 validation rows are too few to choose a step by "
                         "(fewer than 50)")  # fmt: skip
    assert few.best is None and few.steps == 8
    enough, said = end(tmp_path / "enough", monkeypatch, criterion=Validation(least=12))
    assert enough.best is not None and "too few" not in said


@pytest.mark.parametrize(
    ("settings", "level"),
    [({"warmup": 0.5}, 16), ({}, 6), ({"batch_size": 8}, 16)],  # the first look that counts, and one more
)
def test_patience_counts_after_the_warm_up_and_five_passes_and_then_the_schedule_is_run_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], level: int
) -> None:
    ended = {"steps": 30, "evaluate": 1, "patience": 2} | settings
    outcome, _ = end(tmp_path, monkeypatch, figure(0.5), **ended)
    assert outcome.endings == (f"no gain in 2 evaluations up to step {level}",)
    assert outcome.steps == level + 3, "a tenth of the steps"


def test_a_lower_loss_is_a_gain_for_patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    falling = [figure(0.5, 1 / n) for n in range(1, 100)]
    outcome, _ = end(tmp_path, monkeypatch, *falling, steps=20, evaluate=1, patience=2)
    assert outcome.endings == ("all steps done",)


def test_after_patience_the_rate_falls_to_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end(tmp_path, monkeypatch, figure(0.5), steps=200, evaluate=1, patience=4)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    rates = [line["lr"] for line in lines if "lr" in line]
    assert len(rates) == 2 and rates[1] < 0.5 * rates[0], "by the steps alone it would still be nearly full"


def test_noise_is_that_of_the_paired_difference() -> None:
    task, rng = toys.task_for(Vector(6)), np.random.default_rng(0)
    labels = rng.integers(0, 3, 4000)
    rows = Rows([""] * 4000, labels, {"target": labels})
    scores, right = [], []
    for share in (0.8, 0.7):
        guessed = np.where(rng.random(4000) < share, labels, (labels + 1) % 3)
        right.append(guessed == labels)
        scores.append(rated(task, rows, {"target": 0.1 + 0.7 * np.eye(3)[guessed]}, 50))
    expected = (right[0] * 1.0 - right[1]).std() / np.sqrt(4000)
    assert scores[0].noise_beside(scores[1]) == pytest.approx(expected, rel=0.4)
    assert scores[0].noise_beside(scores[0]) == 0 and scores[0].loss is not None


def test_the_loss_has_noise_too_and_ragged_labels_are_cut() -> None:
    task = toys.task_for(Vector(6))
    rows = Rows([""] * 30, np.zeros(30), {"target": np.arange(30) % 3})
    made = rated_by_loss(task, rows, {"target": np.full((30, 3), 1 / 3)}, 10)
    assert made.value == pytest.approx(np.log(3)) and made.parts == pytest.approx((np.log(3),) * 20)
    assert not made.undecided and rated_by_loss(task, rows, {"target": np.full((30, 3), 1 / 3)}, 31).undecided


def test_a_score_survives_as_plain_data_and_older_ones_are_read() -> None:
    made = Score("figure", 0.5, True, 0.1, (0.25, 0.75), "few")
    assert Score.from_plain(json.loads(json.dumps(made.to_plain()))) == made
    assert Score.from_plain(["figure", 0.5, True]) == Score("figure", 0.5, True) and Score.from_plain(None) is None


def test_a_long_stage_says_how_long_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headstart.engine.stage.ESTIMATE_AFTER", 0.0)
    monkeypatch.setattr("headstart.engine.stage.ESTIMATE_FROM", 0.0)
    seen: list[Event] = []
    data = toys.dataset(Vector(6))
    toys.train(tmp_path, toys.make_model(toys.tiny(), data), data, stage=STAGE, listen=seen.append)
    told = [event.message for event in seen if "steps that are left" in event.message]
    assert told == ["about 0 seconds for the 6 steps that are left, at most"]


def test_a_refit_goes_down_the_same_schedule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without rows to measure, the steps that patience had cut short give the same weights."""
    data, weights = toys.dataset(Vector(6)), []
    stage = dataclasses.replace(STAGE, steps=40, evaluate=1, patience=2, lr=1e-9)
    model = toys.make_model(toys.tiny(), data)
    outcome = toys.train(tmp_path / "first", model, data, stage=stage, validate=True)
    assert outcome.steps < 20 and outcome.kept == (outcome.steps,) and outcome.levelled[0] is not None
    make = toys.make_job
    for given in (outcome, dataclasses.replace(outcome, levelled=(None,))):
        monkeypatch.setattr(toys, "make_job", lambda *parts, by=given: bounded([make(*parts)], by)[0])
        again = toys.make_model(toys.tiny(), data)
        toys.train(tmp_path / f"again-{len(weights)}", again, data, stage=stage)
        weights.append(toys.snapshot(again))
    assert all(toys.torch.equal(weights[0][name], tensor) for name, tensor in toys.snapshot(model).items())
    assert not all(toys.torch.equal(weights[1][name], tensor) for name, tensor in toys.snapshot(model).items())


@pytest.mark.parametrize("levelled", [(20, 1.0), (19, 0.95)])
def test_a_refit_of_steps_whose_patience_was_used_up_near_the_end_takes_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, levelled: tuple[int, float]
) -> None:
    """What lies ahead must not end the refit before it, nor hurry its schedule: the first steps are the same."""
    data, weights = toys.dataset(Vector(6)), []
    stage = dataclasses.replace(STAGE, steps=20, evaluate=20, lr=1e-2)
    make = toys.make_job
    for given in (levelled, None):
        job = lambda *parts, by=given: dataclasses.replace(make(*parts), levelled=by, until=18)  # noqa: E731
        monkeypatch.setattr(toys, "make_job", job)
        model = toys.make_model(toys.tiny(), data)
        outcome = toys.train(tmp_path / f"{given}", model, data, stage=stage)
        assert outcome.steps == 18
        weights.append(toys.snapshot(model))
    assert all(toys.torch.equal(weights[0][name], tensor) for name, tensor in weights[1].items())
