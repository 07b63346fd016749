"""Two domains: several objectives are tried, and one is chosen without a label of the target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event
from headstart.core.words import recipe_of
from headstart.other_data import adapting as adapting_words
from headstart.selection import adapting, candidates, tuning
from headstart.selection.explain import explain
from headstart.selection.search import search
from headstart.selection.wanted import wanted_of

STEPS: dict[str, Any] = {"steps": 16, "lr": 3e-3, "seed": 0, "progress": False}
pytestmark = pytest.mark.usefixtures("no_trees")


@pytest.fixture
def frame(task: Any) -> pd.DataFrame:
    """Digits, and the same kind of digits whose pixels are exchanged from place to place and brighter."""
    pixels, labels = task
    pixels = pixels + np.random.default_rng(0).normal(0, 0.02, pixels.shape)  # no column is constant
    rows = pd.DataFrame(pixels, columns=[f"p{place}" for place in range(64)])
    half = len(rows) // 2
    rows.loc[half:, :] = np.roll(rows.loc[half:].to_numpy(), 1, axis=1) + 0.3
    return rows.assign(label=labels, domain=["near"] * half + ["far"] * (len(rows) - half))


def adapted(frame: Any, sources: list[str], out: Path, **words: Any) -> Any:
    domains = {"source_domain": "near", "target_domain": "far"}
    return hs.adapt(frame, **{**domains, "source": sources[0], "out": out, "budget": "1h", **STEPS, **words})


def figures(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "search.json").read_text())


@pytest.mark.slow
def test_every_objective_is_tried_and_what_the_criterion_says_is_kept(frame, sources, here) -> None:
    run = adapted(frame, sources, here / "out")
    told = figures(run.folder)
    tried = [one["name"] for one in told["tried"]]
    mapped = [f"mapped mapping={name}" for name in adapting.MAPPINGS]
    assert [name.partition("objective=")[2].partition(",")[0] for name in tried[1:]] == [*mapped, *adapting.OBJECTIVES]
    assert all("criterion=bnm" in name for name in tried[1 + len(mapped) :])
    assert told["gains"] == [], "later searches learn nothing of methods from what says nothing of labels"
    assert "beside" in told["chosen"]["why"] and "of the probe" in told["chosen"]["why"]
    assert run.evaluations["test"].rows == 40, "half of the target's rows"
    assert run.gain is not None and "probe" in {each.name for each in run.gain.baselines}
    assert explain(run.folder).rows


@pytest.mark.slow
def test_the_labels_of_the_target_have_no_say(frame, sources, here) -> None:
    """Noise in their place gives the same weights and the same choice."""
    first = adapted(frame, sources, here / "out")
    far = frame["domain"] == "far"
    frame.loc[far, "label"] = np.random.default_rng(1).permutation(frame.loc[far, "label"])
    other = adapted(frame, sources, here / "other")
    weights = [(run.folder / "model/model.safetensors").read_bytes() for run in (first, other)]
    assert weights[0] == weights[1]
    assert [one["figure"] for one in figures(first.folder)["tried"]] == [
        one["figure"] for one in figures(other.folder)["tried"]
    ]
    assert first.evaluations["test"].metrics != other.evaluations["test"].metrics


@pytest.mark.parametrize(
    ("base", "mapped", "chosen"),
    [(0.999, 0.5, "linear_probe"), (0.1, 0.999, "linear_probe, objective=mapped mapping=coral"), (0.1, 0.1, "dann")],
)
def test_what_is_ahead_by_more_than_noise_is_kept_else_the_probe(
    frame, sources, here, monkeypatch, base, mapped, chosen
) -> None:
    figure = {adapting.BASE: base, "mapped mapping=coral": mapped}
    real = adapting.probe_score

    def score(recipe: Any, found: Any, setup: Any, objective: str) -> Any:
        made = real(recipe, found, setup, objective)
        assert made is not None
        return made._replace(value=figure[objective], parts=tuple(figure[objective] for _ in made.parts))

    monkeypatch.setattr(adapting, "OBJECTIVES", ("dann",))
    monkeypatch.setattr(adapting, "MAPPINGS", ("coral",))
    monkeypatch.setattr(adapting, "probe_score", score)
    run = adapted(frame, sources, here / "out")
    told = figures(run.folder)["chosen"]
    assert told["name"].endswith(chosen) or f"objective={chosen}" in told["name"]
    assert told["why"].startswith("nothing is ahead of it by more than noise: ") == (base > 0.9)
    if mapped > 0.9:
        assert run.recipe.stages[0].objective.options["mapping"] == "coral"


def test_a_mapped_head_is_judged_by_rows_that_its_mapping_was_not_fitted_to(frame, sources, here, monkeypatch) -> None:
    fitted: list[Any] = []
    asked: list[Any] = []
    kind, real = plugins.load("mappings", "coral"), adapting.answers
    fit = kind.fit

    def note(self: Any, source: Any, target: Any, labels: Any) -> Any:
        fitted.append({row.tobytes() for row in target.astype(np.float32)})
        return fit(self, source, target, labels)

    def answers(model: Any, rows: Any, features: Any) -> Any:
        if fitted:
            asked.append(({row.tobytes() for row in features.astype(np.float32)}, fitted[-1]))
        return real(model, rows, features)

    monkeypatch.setattr(kind, "fit", note)
    monkeypatch.setattr(adapting, "answers", answers)
    monkeypatch.setattr(adapting, "OBJECTIVES", ())
    monkeypatch.setattr(adapting, "MAPPINGS", ("coral",))
    adapted(frame, sources, here / "out")
    assert [len(rows) for rows, _ in asked] == [20, 20] and all(rows.isdisjoint(known) for rows, known in asked)


def test_a_named_objective_is_one_plain_run(frame, sources, here) -> None:
    run = adapted(frame, sources, here / "out", objective="coral weight=0.5", budget=None)
    assert run.recipe.stages[0].objective.name == "coral" and not (run.folder / "search.json").exists()
    assert run.recipe.keep_better == "no"


def test_objectives_that_need_classes_are_left_out_where_there_are_none(frame, sources, here, monkeypatch) -> None:
    monkeypatch.setattr(adapting, "OBJECTIVES", ("mcc", "dann"))
    frame["label"] = np.arange(len(frame)) * 0.5
    told: list[str] = []
    words = {"task": "regression", "validation": 0.7, "listen": lambda event: told.append(event.message)}
    run = adapted(frame, sources, here / "out", **words)
    assert any("objective=dann" in line for line in told) and not any("objective=mcc" in line for line in told)
    assert all("criterion=iwv" in one["name"] for one in figures(run.folder)["tried"][3:])


def test_a_budget_too_small_leaves_the_probe_and_says_what_would_do(frame, sources, here, monkeypatch) -> None:
    monkeypatch.setattr(adapting.Adapting, "_slower", lambda self, candidate: 1e9)
    run = adapted(frame, sources, here / "out")
    told = figures(run.folder)
    assert "linear_probe" in told["chosen"]["name"]
    assert any("Not tried: " in note and "budget=" in note for note in told["notes"])


@pytest.mark.slow
def test_a_search_that_was_stopped_goes_on_to_the_same_choice(frame, sources, here, monkeypatch) -> None:
    monkeypatch.setattr(adapting, "OBJECTIVES", ("dann", "source_only"))
    path = here / "rows.csv"
    frame.to_csv(path, index=False)
    whole = adapted(str(path), sources, here / "whole")
    stop = Stop()

    def listen(event: Event) -> None:
        if "objective=dann" in event.message and "at step" in event.message:
            stop.request(2)

    with pytest.raises(Stopped):
        stopped(str(path), sources, here / "cut", stop, listen)
    again = adapted(str(path), sources, here / "cut")
    assert figures(again.folder)["chosen"]["name"] == figures(whole.folder)["chosen"]["name"]
    first, second = (run.folder / "model/model.safetensors" for run in (whole, again))
    assert first.read_bytes() == second.read_bytes()


def stopped(data: str, sources: list[str], out: Path, stop: Stop, listen: Any) -> None:
    """Search as `adapted` does, until the signal."""
    words = {**adapting_words({"budget": 3600.0, "steps": 16, "lr": 3e-3, "seed": 0}, "auto")}
    plan = recipe_of({**words, "source_domain": "near", "target_domain": "far"})
    wanted, plan = wanted_of(plan, [sources[0]])
    assert wanted is not None
    search(data, plan, wanted, out=out, stop=stop, listen=listen)


def test_what_is_missing_is_said(frame, here) -> None:
    with pytest.raises(UsageError, match=r"Name the target: target='FOLDER', or target_domain='NAME'"):
        hs.adapt(frame)
    with pytest.raises(UsageError, match="no domain 'fra'"):
        hs.generalise(frame, leave_out="fra")
    with pytest.raises(UsageError, match="The data has no domain but far: leave out fewer"):
        hs.generalise(frame[frame["domain"] == "far"], leave_out="far")


def test_generalise_learns_all_domains_but_one(frame, sources, here) -> None:
    frame["domain"] = ["one", "two", "three", "four"] * (len(frame) // 4)
    words = {**STEPS, "source": sources[0], "strategy": "full"}
    run = hs.generalise(frame, leave_out="three", objective="vrex", out=here / "out", **words)
    assert run.recipe.data.source_domain == ("four", "one", "two") and run.recipe.data.target_domain == ("three",)
    assert run.evaluations["test"].rows == 40 and run.headlines[0].text.startswith("Test (domain three)")


@pytest.mark.parametrize(
    ("named", "tried"), [pytest.param({}, True, marks=pytest.mark.slow), ({"task": "regression"}, False)]
)
def test_a_search_with_rows_without_labels_learns_from_them_too(task, sources, here, monkeypatch, named, tried) -> None:
    pixels, labels = task
    columns = [f"p{place}" for place in range(64)]
    pixels = pixels + np.random.default_rng(0).normal(0, 0.02, pixels.shape)
    pd.DataFrame(pixels[80:], columns=columns).to_csv(here / "more.csv", index=False)
    label = labels[:80] if tried else np.arange(80) * 0.5
    frame = pd.DataFrame(pixels[:80], columns=columns).assign(label=label)
    monkeypatch.setattr(candidates, "METHODS", candidates.METHODS[:1])
    monkeypatch.setattr(tuning, "FURTHER", 0)
    words = {**STEPS, "sources": sources[:1], "budget": "1h", "validation": 0.3, "unlabelled": here / "more.csv"}
    run = hs.fit(frame, out=here / "out", **words, **named)
    names = [one["name"] for one in figures(run.folder)["tried"]]
    assert any("objective=freematch" in name for name in names) == tried
    assert any("linear_probe, objective=freematch on=features, augment=plain" in name for name in names) == tried
    assert sum("full" in name for name in names) == 1 + tried
