"""Several source domains and an unseen one: objectives are chosen by source domains that are left out of training."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.core.errors import UsageError
from headstart.core.offer import Offer
from headstart.core.recipe import Recipe
from headstart.core.types import Score
from headstart.selection import generalising, trial
from headstart.selection.candidates import Candidate, Method
from headstart.selection.found import Found
from headstart.selection.generalising import afford, choose_generalised
from headstart.selection.held_out import ahead
from headstart.selection.journal import Trial

STEPS: dict[str, Any] = {"steps": 16, "lr": 3e-3, "seed": 0, "progress": False, "validation": 0.45}
WAYS = ({"objective": "supervised"}, {"objective": "vrex"})
pytestmark = pytest.mark.usefixtures("no_trees")


@pytest.fixture
def frame(task: Any) -> pd.DataFrame:
    """Digits of four domains, each brighter than the one before."""
    pixels, labels = task
    place = np.arange(len(pixels)) % 4
    pixels = pixels + np.random.default_rng(0).normal(0, 0.02, pixels.shape) + 0.1 * place[:, None]
    rows = pd.DataFrame(pixels, columns=[f"p{place}" for place in range(64)])
    return rows.assign(label=labels, domain=np.array(["a", "b", "c", "unseen"])[place])


def generalised(frame: Any, sources: list[str], out: Path, **words: Any) -> Any:
    shared = {"source": sources[0], "out": out, "budget": "1h", "objective": "auto", "leave_out": "unseen"}
    return hs.generalise(frame, **{**shared, **STEPS, **words})


def figures(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "search.json").read_text())


@pytest.mark.slow
def test_each_way_is_judged_by_every_source_domain_that_it_did_not_learn(frame, sources, here, monkeypatch) -> None:
    monkeypatch.setattr(generalising, "WAYS", WAYS)
    seen: list[tuple[set[int], set[int]]] = []
    real = trial.predict

    def predict(model: Any, rows: Any, *args: Any, **words: Any) -> Any:
        seen[-1][1].update(rows.domains.tolist())
        return real(model, rows, *args, **words)

    plan = trial.make_plan

    def make_plan(recipe: Any, data: Any, **words: Any) -> Any:
        seen.append((set(data.splits["train"].domains.tolist()), set()))
        assert {*data.splits} == {"train", "validation"} and "target" not in data.pools
        return plan(recipe, data, **words)

    monkeypatch.setattr(trial, "predict", predict)
    monkeypatch.setattr(trial, "make_plan", make_plan)
    run = generalised(frame, sources, here / "out")
    assert [each for each in seen if each[1]] == [({1, 2}, {0})] * 2 + [({0, 2}, {1})] * 2 + [({0, 1}, {2})] * 2
    told = figures(run.folder)
    assert [one["name"].partition("objective=")[2] for one in told["tried"]] == ["", "supervised", "vrex"]
    assert told["gains"] == [] and "on a, b, c, each left out of training" in told["chosen"]["why"]
    assert run.evaluations["test"].rows == 40, "all rows of the domain that was left out"
    assert not [*(run.folder / "search/trials").glob("*/checkpoints")]


@pytest.mark.slow
@pytest.mark.parametrize("replaced", ["labels", "rows"])
def test_the_domain_that_is_left_out_has_no_say(frame, sources, here, monkeypatch, replaced) -> None:
    """Noise in the place of its labels, or of its rows, gives the same figures, choice and weights."""
    monkeypatch.setattr(generalising, "WAYS", WAYS)
    first = generalised(frame, sources, here / "out")
    unseen, random = frame["domain"] == "unseen", np.random.default_rng(1)
    if replaced == "labels":
        frame.loc[unseen, "label"] = random.permutation(frame.loc[unseen, "label"])
    else:
        pixels = [f"p{place}" for place in range(64)]
        frame.loc[unseen, pixels] = random.normal(0, 9, (unseen.sum(), 64))
    other = generalised(frame, sources, here / "other")
    weights = [(run.folder / "model/model.safetensors").read_bytes() for run in (first, other)]
    assert weights[0] == weights[1]
    kept = [[(one["name"], one["figure"]) for one in figures(run.folder)["tried"]] for run in (first, other)]
    assert kept[0] == kept[1] and figures(first.folder)["chosen"] == figures(other.folder)["chosen"]
    assert first.evaluations["test"].metrics != other.evaluations["test"].metrics


@pytest.mark.parametrize(
    ("supervised", "vrex", "chosen"),
    [
        ((0.2, 0.2, 0.2), (0.4, 0.4, 0.4), "vrex"),
        ((0.2, 0.2, 0.2), (0.8, 0.1, 0.1), "supervised"),
        ((0.2, 0.2, 0.2), (0.201, 0.201, 0.201), "supervised"),
        ((0.2, 0.2, 0.2), (), "supervised"),
        ((0.3, -0.2, -0.1), (0.1, -0.1, 0.0), "linear_probe"),
        ((), (0.4, 0.4), "vrex"),
    ],
    ids=["ahead on all", "ahead on one", "ahead within noise", "not asked", "the probe", "asked of two"],
)
def test_another_way_has_to_be_ahead_on_the_domains(supervised: Any, vrex: Any, chosen: str) -> None:
    """The gains are those over the probe, domain by domain."""

    def scores(gains: Any, bump: float) -> list[Any]:
        values = [0.5 + gain for gain in gains]
        made = [Score("accuracy", v, True, None, tuple(v + np.linspace(0, bump, 20) / 100)) for v in values]
        return [score.to_plain() for score in made]

    offer = Offer("run:some", "linear")
    trials = [
        Trial(number, Candidate(offer, Method("full", 1.0), settings=way), {}, 0, 1.0, [{"held": scores(gains, bump)}])
        for number, (way, gains, bump) in enumerate(zip(WAYS, (supervised, vrex), (1.0, 2.0), strict=True))
        if gains
    ]
    journal: Any = SimpleNamespace(get=lambda name: scores((0, 0, 0), 0.0), trials=lambda: trials)
    recipe = Recipe().with_settings({"data.source_domain": "a,b,c"})
    told = choose_generalised(journal, recipe, [Found(offer)])
    assert told.name.endswith(chosen) and (told.trial is None) == (chosen == "linear_probe")
    assert told.why.startswith("nothing is ahead of it by more than noise: ") == (chosen != "vrex")
    assert f"on {'a, b' if chosen == 'vrex' and not supervised else 'a, b, c'}, each left out" in told.why


def test_the_noise_of_a_gain_is_that_of_rows_or_of_domains() -> None:
    def score(value: float, *parts: float) -> Score:
        return Score("accuracy", value, True, None, parts)

    one, other = [score(0.9), score(0.5), score(0.7)], [score(0.6), score(0.4), score(0.5)]
    gain, noise = ahead(one, other)
    assert gain == pytest.approx(0.2) and noise == pytest.approx(0.1 / 3**0.5), "gains 0.3, 0.1 and 0.2"
    one, other = [score(0.8, 0.7, 0.9)] * 2, [score(0.6, 0.6, 0.6)] * 2  # jackknife: sqrt(1/2 · (0.1² + 0.1²)) = 0.1
    assert ahead(one, other) == (pytest.approx(0.2), pytest.approx(0.1 / 2**0.5)), "of two domains that agree"
    assert ahead(one[:1], other) == (pytest.approx(0.2), pytest.approx(0.1))


@pytest.mark.parametrize(
    ("left", "expected"),
    [(1e9, (3, 3)), (3.3 * 6 + 3 + 1e-6, (3, 3)), (19, (2, 3)), (8.7, (2, 2)), (2.5, (1, 1)), (2, (0, 0))],
)
def test_time_buys_candidates_before_it_saves_domains(left: float, expected: tuple[int, int]) -> None:
    assert afford([1.0, 2.0, 3.0], 3, left) == expected
    assert afford([], 3, left) == (0, 0)


@pytest.mark.slow
def test_two_sources_leave_nothing_to_compare_and_one_is_refused(frame, sources, here) -> None:
    with pytest.raises(UsageError, match=r"takes two of them beside the target; there is one: a\. Name an objective"):
        generalised(frame[frame["domain"].isin(["a", "unseen"])], sources, here / "out")
    run = generalised(frame[frame["domain"] != "c"], sources, here / "two")
    told = figures(run.folder)
    assert any("objectives that compare domains are not tried" in note for note in told["notes"])
    assert [one["name"].partition("objective=")[2] for one in told["tried"][1:]] == ["supervised"]


@pytest.mark.slow
def test_swad_is_tried_where_validation_rows_suffice(frame, sources, here, monkeypatch) -> None:
    monkeypatch.setattr(generalising, "WAYS", generalising.WAYS[:2])
    monkeypatch.setattr(generalising, "LEAST_TO_CHOOSE", 30)
    names = [one["name"] for one in figures(generalised(frame, sources, here / "out").folder)["tried"]]
    assert any("swad=1.3, schedule=constant" in name for name in names)


@pytest.mark.slow
def test_a_budget_too_small_is_said_and_the_probe_stays(frame, sources, here, monkeypatch) -> None:
    monkeypatch.setattr(generalising.Generalising, "_cost", lambda self, one: 1e9)
    told = figures(generalised(frame, sources, here / "out").folder)
    assert told["chosen"]["name"].endswith("linear_probe")
    assert any(note.startswith("For want of time not tried: ") and "budget=" in note for note in told["notes"])


@pytest.mark.slow
def test_a_search_that_was_stopped_goes_on_to_the_same_choice(frame, sources, here, monkeypatch) -> None:
    monkeypatch.setattr(generalising, "WAYS", WAYS)
    whole = generalised(frame, sources, here / "whole")
    real, asked = generalising.train, [0]

    def train(*args: Any) -> Any:
        asked[0] += 1
        if asked[0] == 4:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(generalising, "train", train)
    with pytest.raises(KeyboardInterrupt):
        generalised(frame, sources, here / "cut")
    again = generalised(frame, sources, here / "cut")
    assert asked[0] == 7, "three before, and the fourth again"
    assert figures(again.folder)["chosen"] == figures(whole.folder)["chosen"]
    first, second = (run.folder / "model/model.safetensors" for run in (whole, again))
    assert first.read_bytes() == second.read_bytes()
