"""A search finds a source and a method, leaves a model early, goes on where it was, and says why."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart as hs
from headstart.core.errors import SourceError, UsageError
from headstart.core.offer import Offer
from headstart.core.recipe import Recipe
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event
from headstart.evaluation.report.facts import short_name
from headstart.inputs.vector import Vector
from headstart.runs.begin import begin
from headstart.runs.run import Run
from headstart.selection import candidates, search, tuning, verify
from headstart.selection.candidates import Method
from headstart.selection.explain import explain
from headstart.selection.wanted import Wanted

FEW = (Method("full", 1.0), Method("partial k=1", 0.3))


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try few candidates, ask few folds, and grow no trees beside the run."""
    monkeypatch.setattr(candidates, "METHODS", FEW)
    monkeypatch.setattr(tuning, "FURTHER", 0)
    monkeypatch.setattr(verify, "FOLDS", 2)
    monkeypatch.setattr(Vector, "baselines", classmethod(lambda cls, inputs: ()))


def found(task: Any, recipe: Recipe, sources: list[str], out: Path, listen: Any = None, **given: Any) -> Run:
    wanted = Wanted(tuple(sources), given.pop("budget", math.inf))
    return search.search(task, recipe, wanted, out=out, listen=listen or (lambda event: None), **given)


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "search.json").read_text())


@pytest.mark.slow
def test_the_better_source_is_found_and_the_run_is_a_run_like_any_other(task, short, sources, here) -> None:
    run = found(task, short, sources[::-1], here / "out")
    assert run.recipe.source is not None and run.recipe.source.name == sources[0]
    assert (here / "out/report.html").is_file() and run.headlines[0].key == "test"
    assert len(run.predict(task[0][:3])) == 3
    told = explain(run.folder)
    assert {row[0] for row in told.rows} > {f"{short_name(name)}: probe" for name in sources}
    assert any("of the probe" in line or "fine-tuned" in line for line in told.said)


def test_a_fit_of_nothing_but_data_is_a_search(task, sources, here, monkeypatch) -> None:
    offers = [Offer("vector:mlp", pretrained=False), Offer(sources[0])]
    for module in ("search", "sources"):
        monkeypatch.setattr(f"headstart.selection.{module}.gather", lambda *_: offers)
    monkeypatch.setattr(candidates, "METHODS", ())
    told: list[str] = []
    run = hs.fit(task, out=here / "out", listen=lambda event: told.append(event.message))
    assert record(run.folder)["tried"] and any(line.startswith("source and method are searched for") for line in told)
    again: list[Any] = []
    monkeypatch.setattr(search, "fit", lambda *given, **named: again.append((given, named)))
    monkeypatch.setattr(search, "gather", lambda *_: offers[:1])  # nothing pretrained: nothing to choose among
    search.search(task, Recipe(), Wanted(said=False), out=here / "plain")
    assert again[0][0][1] == Recipe() and again[0][1]["out"] == here / "plain" and not (here / "plain").exists()
    monkeypatch.undo()
    assert not search.can_choose(begin((task[0], None), Recipe.from_plain({"data": {"task": "none"}})).dataset)


def test_a_probe_without_a_mistake_is_not_fine_tuned(task, short, sources, here, monkeypatch) -> None:
    monkeypatch.setattr(search.Tuning, "run", lambda *_: pytest.fail("nothing is left to gain"))
    plain = search.keep_found
    flawless = {"score": ["accuracy", 1.0, True, 0.1, [], ""]}
    monkeypatch.setattr(search, "keep_found", lambda found: [one | flawless for one in plain(found)])
    run = found(task, short, sources[:1], here / "out")
    assert any("makes no mistake on" in note for note in record(run.folder)["notes"])


@pytest.mark.slow
def test_the_test_rows_are_measured_once_at_the_end(task, short, sources, here, monkeypatch) -> None:
    seen: list[tuple[Path, set[str]]] = []
    plain = search.keep_first

    def watched(begun, recipe, one, folder, setup):
        seen.append((folder, set(setup.dataset.splits)))
        return plain(begun, recipe, one, folder, setup)

    monkeypatch.setattr(search, "keep_first", watched)
    run = found(task, short, sources, here / "out")
    assert seen == [(here / "out", {"train", "validation"})]
    assert "test" not in json.loads((here / "out/search/first/metrics.json").read_text())
    assert "test" in json.loads((run.folder / "metrics.json").read_text())


PHASES = {
    "before anything": "search:",
    "after a first look": "First:",
    "after the first model": "a first model",
    "before a trial": "fine-tuning",
    "between rungs": "at step",
    "before the end": "chosen:",
}


@pytest.fixture(scope="module")
def undisturbed(sources, tmp_path_factory):
    """Return what an undisturbed search finds, made once for all phases."""
    made: dict[str, Run] = {}

    def get(task: Any, recipe: Recipe) -> Run:
        if not made:
            made["run"] = found(task, recipe, sources, tmp_path_factory.mktemp("whole") / "out")
        return made["run"]

    return get


@pytest.mark.slow
@pytest.mark.parametrize("phase", PHASES)
def test_a_search_that_was_stopped_goes_on_to_the_same_end(phase, task, short, sources, here, undisturbed) -> None:
    whole = undisturbed(task, short)
    stop = Stop()

    def listen(event: Event) -> None:
        if event.kind == "note" and PHASES[phase] in event.message:
            stop.request(2)

    with pytest.raises(Stopped):
        found(task, short, sources, here / "out", listen, stop=stop)
    assert stop.run == str(here / "out")
    if phase in list(PHASES)[2:]:
        assert len(hs.load(here / "out").predict(task[0][:2])) == 2
    again = found(task, short, sources, here / "out")
    first, second = record(whole.folder)["chosen"], record(again.folder)["chosen"]
    assert first["name"] == second["name"]
    assert [str(row) for row in whole.predict(task[0])] == [str(row) for row in again.predict(task[0])]


@pytest.mark.slow
def test_another_search_in_the_folder_is_refused(task, short, sources, here) -> None:
    stop = Stop()

    def listen(event: Event) -> None:
        if event.message.startswith("search:"):
            stop.request(2)

    with pytest.raises(Stopped):
        found(task, short, sources, here / "out", listen, stop=stop)
    with pytest.raises(UsageError, match=r"begun otherwise; different are: sources"):
        found(task, short, sources[:1], here / "out")
    with pytest.raises(UsageError, match=r"different are: data"):
        found((task[0][:100], task[1][:100]), short, sources, here / "out")
    with pytest.raises(UsageError, match=r"recipe: seed"):
        found(task, short.with_settings({"seed": 3}), sources, here / "out")


@pytest.mark.slow
def test_a_finished_search_is_not_begun_again(task, short, sources, here) -> None:
    found(task, short, sources[:1], here / "out")
    with pytest.raises(UsageError, match="holds a finished run"):
        found(task, short, sources[:1], here / "out")


def test_a_source_that_fails_is_told_and_the_search_goes_on(task, short, sources, here) -> None:
    told: list[str] = []
    run = found(
        task, short, [*sources[:1], "run:nowhere", "digits:cnn"], here / "out", lambda e: told.append(e.message)
    )
    assert any(line.startswith("run:nowhere is left out: ") for line in told)
    verdicts = {one["name"]: one["verdict"] for one in record(run.folder)["tried"]}
    assert "digits:cnn: probe" in verdicts and verdicts[f"{short_name(sources[0])}: probe"] == "the best probe"


def test_without_a_source_that_can_be_used_nothing_is_fitted(task, short, here) -> None:
    with pytest.raises(SourceError, match=r"No source could be used: run:nowhere: .*"):
        found(task, short, ["run:nowhere"], here / "out")


def test_a_budget_that_is_used_up_leaves_the_probe_and_says_so(task, short, sources, here) -> None:
    run = found((task[0][:110], task[1][:110]), short, sources[:1], here / "out", budget=0.01)
    assert [stage.strategy.name for stage in run.recipe.stages if stage.strategy] == ["linear_probe"]
    assert re.fullmatch(
        r"No fine-tuning: .*: full alone would take about \d+ s; budget='\d+s' begins it\.",
        record(run.folder)["notes"][0],
    )


def test_a_budget_too_small_for_one_pass_takes_the_rows_that_were_seen_and_says_what_it_needs(
    task, short, sources, here
) -> None:
    told: list[str] = []
    run = found(task, short, sources[:1], here / "out", lambda event: told.append(event.message), budget=0.01)
    (why,) = record(run.folder)["notes"]
    assert "over 160 rows takes about 1 s. 100 of 128 labelled rows are used; budget='10s' would do for all." in why
    assert "The test rows are not measured: hs.evaluate(RUN) does that." in why and why in told
    assert [line.key for line in run.headlines] == ["validation"] and run.gain is not None and run.gain.baselines
    assert len(run.predict(task[0][:3])) == 3
    assert "over 160 rows" in (here / "out/report.html").read_text()


@pytest.mark.slow
def test_a_named_strategy_is_the_only_one(task, short, sources, here) -> None:
    recipe = short.with_settings({"stages.0.strategy": "layerwise_lr decay=0.5"})
    run = found(task, recipe, sources[:1], here / "out")
    names = [one["name"] for one in record(run.folder)["tried"]]
    assert len(names) == 2 and names[1].endswith("layerwise_lr decay=0.5")


@pytest.mark.slow
def test_where_time_is_left_more_is_drawn_and_follows_from_the_journal(task, short, sources, here, monkeypatch) -> None:
    monkeypatch.setattr(tuning, "FURTHER", 1)
    monkeypatch.setattr(tuning, "DRAWN", 1)
    recipe = short.with_settings({"stages.0.lr": None})
    named = []
    for out in ("one", "two"):
        run = found(task, recipe, sources[:1], here / out)
        named.append([one["name"] for one in record(run.folder)["tried"]])
    assert named[0] == named[1] and "label_smoothing=" in named[0][-1] and ", rate x " in named[0][-1]


@pytest.mark.slow
def test_what_is_better_by_more_than_noise_is_chosen(task, short, sources, here, monkeypatch) -> None:
    labels = list(np.random.default_rng(0).permutation(task[1]))  # that no probe can tell
    recipe = short.with_settings({"stages.0.steps": 400, "data.validation": 0.4})
    poor = found(task, recipe, sources[1:], here / "poor")
    assert record(poor.folder)["chosen"]["name"].rpartition(": ")[2] in {"full", "partial k=1", "linear_probe"}
    shuffled = found((task[0], labels), short, sources[:1], here / "shuffled")
    assert record(shuffled.folder)["chosen"]["name"].endswith("linear_probe")
