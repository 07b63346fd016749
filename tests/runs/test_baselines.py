"""Claim: beside each run stands what costs almost nothing, on the same rows; which is ahead is said everywhere."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart as hs
from headstart.core.types import Event
from headstart.evaluation.results import Interval
from headstart.runs import baselines
from headstart.runs.gain import Baseline, Gain, Measure
from toys import ENGLISH, reviews

SETTINGS = {"data.validation": 0, "stages.0.steps": 2, "stages.0.optimiser": "adamw"}


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_a_baseline_that_is_ahead_is_told_everywhere(tmp_path: Path, kind: str) -> None:
    events: list[Event] = []
    settings = {**SETTINGS, "data.task": kind}
    run = hs.fit(reviews(kind), source=f"run:{ENGLISH}", settings=settings, out=tmp_path / "run", listen=events.append)
    assert any(event.kind == "warning" and "unknown to" in event.message for event in events)
    assert run.gain is not None and [each.name for each in run.gain.baselines] == [
        *("majority", "knn", "probe", "tfidf:chars")
    ]
    found = run.gain["tfidf:chars"].metrics["test"]
    accuracy, error = (found[name].value if name in found else None for name in ("accuracy", "rmse"))
    assert accuracy == 1 if kind == "binary" else error is not None and error < 0.5
    (said,) = run.gain.said()
    assert said.startswith("The baseline tfidf:chars, which needs no pretraining, is ahead of the run")
    assert said.endswith("take source='tfidf:chars'. Pretraining brought nothing here.") and run.gain.not_ahead() == [
        said
    ]
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert said.replace("'", "&#39;") in page and "What the transfer gained" in page
    plain = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["gain"]
    assert plain["said"] == [said] and Gain.from_plain(plain) == run.gain
    assert "without pretraining" in run.headlines[0].text


def test_the_constant_answer_is_that_of_the_rows_that_were_learnt(tmp_path: Path) -> None:
    data = reviews("regression", train=80)
    settings = {"data.task": "regression", "data.validation": 0.5, "stages.0.steps": 2, "stages.0.optimiser": "adamw"}
    run = hs.fit(data, source=f"run:{ENGLISH}", settings=settings, out=tmp_path / "run")
    assert run.recipe.refit == "yes" and run.gain is not None
    labels, tested = np.array(data["train"][1]), np.array(data["test"][1])
    found = run.gain["majority"].metrics
    assert found["test"]["rmse"].value == pytest.approx(np.sqrt(np.square(tested - labels.mean()).mean()), rel=1e-5)
    assert found["validation"]["rmse"].value != found["test"]["rmse"].value
    change = run.gain["majority"].differences["test"]["rmse"].value
    mine, theirs = run.evaluations["test"].metrics["rmse"].value, found["test"]["rmse"].value
    assert mine is not None and theirs is not None and change == pytest.approx(mine - theirs, abs=1e-6)


@pytest.mark.slow
def test_the_run_is_not_compared_with_itself_and_of_very_many_rows_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(run: hs.Run) -> list[str]:
        assert run.gain is not None
        return [each.name for each in run.gain.baselines]

    data, probe = reviews(), {"data.validation": 0}
    assert names(hs.fit(data, source="tfidf:chars", settings=SETTINGS, out=tmp_path / "same")) == ["majority"]
    solved = hs.fit(data, source=f"run:{ENGLISH}", strategy="linear_probe", settings=probe, out=tmp_path / "probe")
    assert names(solved) == ["majority", "knn", "tfidf:chars"]
    monkeypatch.setattr(baselines, "MOST_ROWS", 59)
    events: list[Event] = []
    run = hs.fit(data, source=f"run:{ENGLISH}", settings=SETTINGS, out=tmp_path / "many", listen=events.append)
    assert names(run) == ["majority"]
    told = "no baselines knn and probe, tfidf:chars beside this run: there are 60 training rows"
    assert any(told in event.message for event in events)


def test_the_probe_is_the_run_that_a_linear_probe_is(tmp_path: Path) -> None:
    data = reviews(train=120)
    settings = {"data.validation": 0.4, "stages.0.steps": 2, "stages.0.optimiser": "adamw"}
    steps = hs.fit(data, source=f"run:{ENGLISH}", settings=settings, out=tmp_path / "steps")
    solved = hs.fit(
        data,
        source=f"run:{ENGLISH}",
        strategy="linear_probe",
        settings={"data.validation": 0.4},
        out=tmp_path / "solved",
    )
    assert steps.gain is not None and solved.gain is not None
    for split in ("validation", "test"):
        own = solved.gain.metrics[split]["log_loss"].value
        assert steps.gain["probe"].metrics[split]["log_loss"].value == pytest.approx(own, rel=0.02)


def test_numbers_are_compared_with_a_linear_layer_and_with_trees(fit_rows: Any) -> None:
    run = fit_rows("full", steps=6)
    assert [each.name for each in run.gain.baselines] == [
        *("majority", "vector:columns", "vector:columns with head boosting")
    ]
    for each in run.gain.baselines[1:]:
        assert each.metrics["test"]["accuracy"].value > 0.85 and not each.pretrained
    assert "head='boosting'" in run.gain.baselines[2].take


def test_several_targets_have_a_figure_each_and_measures_by_what_steps_are_chosen(tmp_path: Path) -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    frame = pd.DataFrame(x, columns=list("abcd")).assign(size=x[:, 0] * 2, rare=np.where(x[:, 1] > 1.4, "yes", "no"))
    settings = {"data.targets.size.labels": "size", "data.targets.rare.labels": "rare", "stages.0.steps": 4}
    run = hs.fit(frame, source="vector:mlp", settings=settings, out=tmp_path / "run")
    assert run.gain is not None
    assert run.gain.measures["test:size"] == Measure("rmse", False)
    assert run.gain.measures["test:rare"] == Measure("auroc", True)  # a class is rare: the constant answer is at 0.5
    assert run.gain["majority"].metrics["test:rare"]["auroc"].value == 0.5
    assert len(run.gain.said()) == 2


def beside(low: float, high: float, *, better: bool) -> Gain:
    """Make a gain whose only baseline differs by so much from the run."""
    change = {"test": {"score": Interval((low + high) / 2, low, high)}}
    one = Baseline("plain", "", "source='plain'", False, {"test": {"score": Interval(0.5)}}, change)
    return Gain("full of x", {}, {"test": Measure("score", better)}, (one,))


@pytest.mark.parametrize(
    ("better", "low", "high", "expected", "ahead"),
    [
        (True, 0.1, 0.2, "The run is ahead of every baseline, the best of which is plain", True),
        (True, -0.2, -0.1, "The baseline plain, which needs no pretraining, is ahead of the run", False),
        (False, 0.1, 0.2, "The baseline plain, which needs no pretraining, is ahead of the run", False),
        (False, -0.2, -0.1, "The run is ahead of every baseline", True),
        (False, -0.1, 0.3, "nor behind by more than chance", False),
    ],
)
def test_who_is_ahead_depends_on_which_way_the_metric_is_better(
    better: bool, low: float, high: float, expected: str, ahead: bool
) -> None:
    made = beside(low, high, better=better)
    (said,) = made.said()
    assert expected in said and made.not_ahead() == ([] if ahead else [said])


@pytest.mark.parametrize(
    ("low", "high", "pretrained", "told"),
    [
        (-0.2, -0.1, True, True),
        (-0.1, 0.3, True, True),  # it may as well be chance
        (0.1, 0.3, True, False),
        (-0.2, -0.1, False, False),  # there is no pretraining to speak of
    ],
)
def test_pretraining_that_brought_nothing_is_told(low: float, high: float, pretrained: bool, told: bool) -> None:
    one = beside(low, high, better=True).baselines[0]
    close = {"test": {"score": Interval(-0.3, -0.4, -0.2)}}
    probe = Baseline("probe", "", "", pretrained, {"test": {"score": Interval(0.9)}}, close)
    majority = dataclasses.replace(probe, name="majority", pretrained=False)
    made = Gain("full of x", {}, {"test": Measure("score", True)}, (majority, probe, one))
    (said,) = made.said()
    assert ("Pretraining brought nothing here: plain needs none, and the run is not ahead of it (" in said) == told
    assert said.startswith("The baseline")


def test_the_best_baseline_is_the_one_that_counts_and_a_lead_is_in_standard_errors() -> None:
    one, worse = beside(0.1, 0.3, better=True).baselines[0], beside(0.4, 0.5, better=True).baselines[0]
    other = Baseline("other", "", "", True, {"test": {"score": Interval(0.2)}}, worse.differences)
    made = Gain("full of x", {}, {"test": Measure("score", True)}, (other, one))
    assert made.best("test") == one and "plain" in made.said()[0]
    lead = made.lead(one, "test") or 0.0
    assert lead == pytest.approx(0.2 / (0.2 / 3.92)) and made.plain("test", "score") == 0.5
    falling = Gain("full of x", {}, {"test": Measure("score", False)}, (other, one))
    assert falling.best("test") == other and falling.lead(one, "test") == pytest.approx(-lead)


@pytest.mark.slow
def test_the_same_network_from_random_weights_is_a_baseline_where_it_is_asked_for(tmp_path: Path) -> None:
    data, asked = reviews(train=120), {**SETTINGS, "data.validation": 0.4, "scratch": "yes"}
    run = hs.fit(data, source=f"run:{ENGLISH}", settings=asked, out=tmp_path / "run")
    assert run.gain is not None and run.recipe.scratch == "yes" and run.recipe.refit == "yes"
    found = run.gain["scratch"]
    assert set(found.metrics) == set(found.differences) == {"validation", "test"} and not found.pretrained
    assert found.take == "strategy='scratch'" and "it has not learnt the validation rows" in found.what
    own = hs.fit(
        data, source=f"run:{ENGLISH}", strategy="scratch", settings={**asked, "refit": "no"}, out=tmp_path / "own"
    )
    assert own.gain is not None and "scratch" not in [each.name for each in own.gain.baselines]
    for name in ("log_loss", "accuracy"):  # it is what this strategy gives in as many steps
        mine = own.evaluations["test"].metrics[name].value
        assert mine is not None and found.metrics["test"][name].value == pytest.approx(mine, abs=1e-4)
    assert found.metrics["test"]["log_loss"].value != run.evaluations["test"].metrics["log_loss"].value


def test_a_probe_has_no_baseline_from_random_weights(tmp_path: Path) -> None:
    events: list[Event] = []
    settings = {"data.validation": 0, "scratch": "yes"}
    run = hs.fit(
        reviews(),
        source=f"run:{ENGLISH}",
        strategy="linear_probe",
        settings=settings,
        out=tmp_path / "run",
        listen=events.append,
    )
    assert run.gain is not None and "scratch" not in [each.name for each in run.gain.baselines]
    assert any("no baseline scratch beside this run: only a head was solved" in event.message for event in events)
