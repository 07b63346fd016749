"""Heads on features that stay the same are solved; all labelled rows are fitted in the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression

import headstart as hs
import toys
from headstart.core.errors import UsageError
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event
from headstart.inputs.vector import Vector
from headstart.runs import fit as fit_module
from headstart.runs.plan import make_plan
from headstart.runs.state import read as read_state
from headstart.solvers import logistic

PROBE = {"stages.0.strategy": "linear_probe", "source": "vector:mlp"}


def wine() -> tuple[np.ndarray, list[str]]:
    """Return the rows and their classes by name."""
    loaded: Any = load_wine(return_X_y=True)
    x, y = loaded
    return x.astype(np.float32), [f"class {label}" for label in y]


def recipe(**settings: object) -> hs.Recipe:
    return hs.Recipe().with_settings({**PROBE, **settings})


def test_a_probe_is_solved_unless_steps_are_asked_for() -> None:
    data = toys.dataset(Vector(6))
    solved = make_plan(recipe(), data).recipe.stages[0]
    assert (solved.optimiser, solved.steps, solved.lr) == ("solve", 1, None)
    for settings in ({"stages.0.lr": 0.1}, {"stages.0.epochs": 2}, {"head": "mlp"}, {"stages.0.imbalance": "focal"}):
        assert make_plan(recipe(**settings), data).recipe.stages[0].optimiser == "adamw"
    for settings, why in (
        ({"stages.0.strategy": "full"}, "'full' moves more than heads"),
        ({"head": "mlp"}, "'mlp' has no solution"),
        ({"stages.0.lr": 0.1}, "lr is for training by steps"),
    ):
        with pytest.raises(UsageError, match=why):
            make_plan(recipe(**{"stages.0.optimiser": "solve", **settings}), data)


def test_a_plan_with_everything_chosen_is_its_own_plan() -> None:
    data = toys.dataset(Vector(6))
    once = make_plan(recipe(), data).recipe
    assert make_plan(once, data).recipe == once


@pytest.mark.slow
def test_every_labelled_row_is_fitted_in_the_end(tmp_path: Path) -> None:
    """With the split kept the model is that of the training rows; else that of all: told apart by their weights."""
    x, y = wine()
    ends = {}
    given = {"data.validation": 0.3, "stages.0.steps": 20}
    for refit in ("no", "yes", "auto"):
        run = hs.fit((x, y), recipe=recipe(refit=refit), settings=given, out=tmp_path / refit)
        trunk: Any = hs.load(run.folder).model.head.trunk
        ends[refit] = trunk.weight.detach().cpu().numpy()
        assert set(run.evaluations) == {"validation", "test"}
        assert not (run.folder / "chosen").exists() and not (run.folder / "refit").exists()
    np.testing.assert_array_equal(ends["yes"], ends["auto"])
    assert np.abs(ends["yes"] - ends["no"]).max() > 1e-3
    figures = [json.loads((tmp_path / name / "metrics.json").read_text())["validation"] for name in ("no", "yes")]
    assert figures[0]["metrics"] == figures[1]["metrics"]  # the validation figures are of rows not learnt


def test_a_refit_takes_the_steps_that_were_kept(tmp_path: Path) -> None:
    told: list[Event] = []
    settings = {"stages.0.strategy": "full", "stages.0.steps": 12, "stages.0.evaluate": 3, "data.validation": 0.3}
    run = hs.fit(wine(), recipe=recipe(), settings=settings, out=tmp_path / "run", listen=told.append)
    (kept,) = run.outcome.kept
    (note,) = [event for event in told if event.message.startswith("fitting all")]
    assert note.values["kept"] == [kept] and f"all {0.85 * 178:.0f} labelled rows"[:7] in note.message
    steps = [event.values["step"] for event in told if event.kind == "step"]
    assert kept is not None and steps[-1] == kept and len(steps) == run.outcome.steps + kept


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(8, id="in the first fit", marks=pytest.mark.slow),
        pytest.param(20, id="in the refit", marks=pytest.mark.slow),
    ],
)
def test_a_run_cut_in_either_fit_ends_the_same(tmp_path: Path, after: int) -> None:
    settings = {"stages.0.strategy": "full", "stages.0.steps": 15, "stages.0.criterion": "last", "checkpoint": 0}
    given = recipe(**settings, **{"data.validation": 0.3})
    whole = fit_module.fit(wine(), given, out=tmp_path / "whole")
    stop, steps = Stop(), 0

    def listen(event: Event) -> None:
        nonlocal steps
        steps += event.kind == "step"
        if steps == after:
            stop.signal = 15

    with pytest.raises(Stopped):
        fit_module.fit(wine(), given, out=tmp_path / "cut", listen=listen, stop=stop)
    again = fit_module.fit(wine(), given, out=tmp_path / "cut")
    assert steps == after
    for name in ("model/model.safetensors", "predictions.parquet"):
        assert (whole.folder / name).read_bytes() == (again.folder / name).read_bytes()
    assert again.evaluations == whole.evaluations


def test_a_refit_takes_the_penalty_that_was_chosen_after_a_stop_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is chosen once; the notes of both fits name one penalty, and the state of the run has it between them."""
    chose: list[int] = []
    real = logistic._choose

    def counted(features: np.ndarray, *given: Any) -> Any:
        chose.append(len(features))
        return real(features, *given)

    monkeypatch.setattr(logistic, "_choose", counted)
    monkeypatch.setattr("headstart.runs.keep.fit_baselines", lambda *_: ([], None))
    stop, told = Stop(), []

    def listen(event: Event) -> None:
        if event.message.startswith("logistic regression"):
            told.append(event.message)
        if event.message.startswith("fitting all"):
            stop.signal = 15

    given = recipe(**{"data.validation": 0.3})
    with pytest.raises(Stopped):
        fit_module.fit(wine(), given, out=tmp_path / "cut", listen=listen, stop=stop)
    ((scaling, penalty),) = json.loads((tmp_path / "cut" / "state.json").read_text())["outcome"]["solved"][0].values()
    again = fit_module.fit(wine(), given, out=tmp_path / "cut", listen=lambda event: told.append(event.message))
    assert len(chose) == 1 and f"penalty {penalty:.2g} by cross-validation of {chose[0]} rows" in told[0]
    assert scaling in ("one", "each")
    whole = fit_module.fit(wine(), given, out=tmp_path / "whole")
    weights = [(run.folder / "model/model.safetensors").read_bytes() for run in (whole, again)]
    assert weights[0] == weights[1]
    assert len(chose) == 2
    state = json.loads((tmp_path / "cut" / "state.json").read_text())
    del state["outcome"]["solved"]  # as of a version that did not keep it
    (tmp_path / "cut" / "state.json").write_text(json.dumps(state))
    before = read_state(tmp_path / "cut")
    assert before is not None and before.ended.solved == ({},)


def test_a_probe_is_as_good_as_logistic_regression(tmp_path: Path) -> None:
    """On the features of the network, with the penalty that was chosen: the same decisions as scikit-learn's."""
    x, y = wine()
    run = hs.fit((x, y), recipe=recipe(refit="no"), settings={"data.validation": 0.0}, out=tmp_path / "run")
    model = hs.load(run.folder)
    features = model.embed(list(x))
    fitted = LogisticRegression(C=1e3, max_iter=5000).fit(features, y)
    ours = np.mean([a == b for a, b in zip(model.predict(list(x)), y, strict=True)])
    assert ours > fitted.score(features, y) - 0.03


@pytest.mark.slow  # several runs
def test_a_greedy_soup_refuses_runs_that_learnt_what_would_judge_them(tmp_path: Path) -> None:
    given = recipe(**{"data.validation": 0.3, "stages.0.steps": 3})
    runs = [hs.fit(wine(), recipe=given, out=tmp_path / name).folder for name in ("a", "b")]
    with pytest.raises(UsageError, match="refit='no'"):
        hs.soup(runs, wine(), out=tmp_path / "soup")
