"""Claim: a baseline that is better on validation rows is saved where that is wanted; test rows never choose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import headstart as hs
from headstart.core.types import Calibration, Event
from headstart.evaluation.results import Interval
from headstart.runs import fit, keep
from headstart.runs.baselines import Artefact, Fitted
from headstart.runs.folder import TRANSFERRED
from headstart.runs.gain import Baseline, Gain, Measure
from toys import ENGLISH, reviews

SETTINGS = {"data.validation": 0.4, "stages.0.steps": 2, "stages.0.optimiser": "adamw"}


def made(settings: dict[str, Any], out: Path, data: Any = None, **more: Any) -> hs.Run:
    """Fit the network of English words to reviews that a Chinese sign decides."""
    given = {**SETTINGS, **settings}
    return hs.fit(
        reviews(train=150) if data is None else data, source=f"run:{ENGLISH}", settings=given, out=out, **more
    )


@pytest.mark.parametrize("refit", ["yes", "no"])
def test_the_kept_baseline_is_a_model_as_any_other(tmp_path: Path, refit: str) -> None:
    events: list[Event] = []
    (tmp_path / "data").mkdir()
    for split, (texts, labels) in reviews(train=150).items():
        pd.DataFrame({"text": texts, "label": labels}).to_csv(tmp_path / "data" / f"{split}.csv", index=False)
    run = made({}, tmp_path / "run", tmp_path / "data", keep_better="yes", refit=refit, listen=events.append)
    assert run.gain is not None and run.gain.kept == "tfidf:chars"
    why = run.gain.why
    assert why.startswith(
        "The baseline tfidf:chars, which needs no pretraining, is better than "
        f"linear_probe of run:{ENGLISH} (validation accuracy of the run"
    )
    assert "more than one standard error). It is the saved model." in why
    assert run.gain.said() == run.gain.not_ahead() == [why]
    (told,) = [event.message for event in events if "tfidf:chars is kept" in event.message]
    assert told.endswith(f"what was trained is in {run.folder / 'transferred'}"), "the reason comes with the result"
    plain = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    assert (
        plain["source"] == "tfidf:chars"
        and plain["gain"]["kept"] == "tfidf:chars"
        and plain["strategy"] == "linear_probe"
    )
    assert run.predict(["the 好饭菜汤面快", "the 坏饭菜汤面快"]) == ["glad", "sad"]
    assert (run.evaluations["test"].metrics["accuracy"].value or 0) > 0.95
    again = run.evaluate()
    assert again.evaluations["test"].metrics == run.evaluations["test"].metrics
    assert ("validation" in again.evaluations) == (refit == "no")
    page = (run.report()).read_text(encoding="utf-8")
    assert "learnt from tfidf:chars" in page and "tfidf:chars (kept)" in page and "what was trained" in page
    assert plain["moved"] and all(name.startswith("heads.") for name in plain["moved"])
    kept = run.gain["tfidf:chars"]
    assert "test" in kept.metrics and "test" not in kept.differences and "test" not in run.gain.metrics
    assert (run.gain["majority"].differences["test"]["accuracy"].value or 0) > 0.2
    trained = hs.load(run.folder / TRANSFERRED).recipe.source
    assert trained is not None and trained.name == f"run:{ENGLISH}"


@pytest.mark.parametrize(("word", "kept"), [("auto", ""), ("no", ""), ("yes", "tfidf:chars")])
def test_the_choice_of_a_user_is_respected_unless_asked_otherwise(tmp_path: Path, word: str, kept: str) -> None:
    events: list[Event] = []
    run = made({}, tmp_path / "run", keep_better=word, listen=events.append)
    assert run.gain is not None and run.gain.kept == kept
    assert (run.folder / TRANSFERRED).exists() == bool(kept)
    told = any(event.message.endswith("keep_better='yes' would save it instead.") for event in events)
    assert told == (not kept) and run.gain.not_ahead()


def test_without_a_source_of_the_user_s_a_better_baseline_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen(recipe: hs.Recipe, *_: Any) -> hs.Recipe:
        return recipe.with_settings({"source.name": f"run:{ENGLISH}"})

    monkeypatch.setattr(fit, "choose_start", chosen)
    run = hs.fit(reviews(train=150), settings=SETTINGS, out=tmp_path / "run")
    assert run.gain is not None and run.gain.kept == "tfidf:chars"
    named = json.loads((run.folder / "state.json").read_text(encoding="utf-8"))
    assert named["recipe"]["keep_better"] == "yes" and named["recipe"]["source"]["name"] == f"run:{ENGLISH}"


def test_test_rows_have_no_say(tmp_path: Path) -> None:
    data = reviews(train=150)
    texts, labels = data["test"]
    turned = {**data, "test": (texts, [{"glad": "sad", "sad": "glad"}[label] for label in labels])}
    run = made({}, tmp_path / "run", turned, keep_better="yes")
    assert run.gain is not None and run.gain.kept == "tfidf:chars"
    assert (run.evaluations["test"].metrics["accuracy"].value or 0) < 0.05
    blind = made({"data.validation": 0}, tmp_path / "blind", keep_better="yes")
    assert blind.gain is not None and not blind.gain.kept and "is ahead of the run" in blind.gain.said()[0]


@pytest.mark.parametrize(
    "where", ["settle", *(pytest.param(later, marks=pytest.mark.slow) for later in ("write_results", "after_renaming"))]
)
def test_a_run_that_was_killed_keeps_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    whole = made({}, tmp_path / "whole", keep_better="yes")

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        if where == "after_renaming":
            patched.setattr(keep, "load", killed)
        else:
            patched.setattr(fit, where, killed)
        made({}, tmp_path / "run", keep_better="yes")
    if where == "after_renaming":
        (tmp_path / "run" / "model" / "model.json").unlink()
    events: list[Event] = []
    run = hs.fit(reviews(train=150), resume=tmp_path / "run", listen=events.append)
    assert not any("made again" in event.message for event in events), "nothing is trained twice"
    assert run.gain == whole.gain and run.evaluations["test"].metrics == whole.evaluations["test"].metrics
    finished = hs.fit(reviews(train=150), resume=tmp_path / "run")
    assert finished.gain == whole.gain and finished.recipe == run.recipe


def test_a_run_that_was_begun_without_the_setting_goes_on_as_it_was(tmp_path: Path) -> None:
    run = made({}, tmp_path / "run", keep_better="no")
    path = run.folder / "state.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    for word in ("auto", None):
        state["recipe"] = {**state["recipe"], "keep_better": word}
        if word is None:
            del state["recipe"]["keep_better"]
        path.write_text(json.dumps(state), encoding="utf-8")
        assert hs.fit(reviews(train=150), resume=run.folder).recipe == run.recipe


def test_a_kept_model_that_is_lost_is_made_again(tmp_path: Path) -> None:
    run = made({}, tmp_path / "run", keep_better="yes", refit="no")
    (run.folder / "model" / "model.safetensors").unlink()
    again = hs.fit(reviews(train=150), resume=run.folder)
    assert again.gain == run.gain and hs.load(run.folder).predict(["the 坏饭菜汤面快"]) == ["sad"]


@pytest.mark.slow
def test_a_kept_baseline_has_a_folder_for_each_fold(tmp_path: Path) -> None:
    texts, labels = reviews(train=150)["train"]
    settings = {**SETTINGS, "stages.0.evaluate": 2}
    found = hs.cross_validate(
        (texts, labels), folds=3, source=f"run:{ENGLISH}", keep_better="yes", settings=settings, out=tmp_path / "run"
    )
    assert found.mean["accuracy"].value is not None and found.mean["accuracy"].value > 0.9
    assert not [*(tmp_path / "run" / "folds").glob(f"*/{TRANSFERRED}")]


NAMES = ("majority", "knn", "probe", "plain")


@pytest.mark.parametrize(
    ("changes", "kept"),
    [  # of the run minus each baseline, in standard errors, by validation key
        ({"a": (5, 1, 1, 1)}, None),
        ({"a": (5, -3, -0.9, -0.9)}, None),  # knn is only compared
        ({"a": (5, 0, -1.1, 0)}, "probe"),
        ({"a": (5, 0, -1.1, -1.2)}, "plain"),
        ({"a": (0.9, 2, 0.5, 0.2)}, None),
        ({"a": (0.9, 2, 0.5, -0.2)}, "plain"),  # not ahead of the constant answer
        ({"a": (5, 0, -3, 0), "b": (5, 0, 1.1, 0)}, None),  # behind for another target
        ({"a": (5, 0, -3, 0), "b": (5, 0, 0.9, 0)}, "probe"),
    ],
)
@pytest.mark.parametrize("better", [True, False])
def test_which_baseline_is_better(changes: dict[str, tuple[float, ...]], kept: str | None, better: bool) -> None:
    artefact: Any = Artefact(None, None, "")  # pyright: ignore[reportArgumentType]
    fitted = [
        Fitted(name, "", "", False, {}, {"a": Calibration()}, artefact if name in ("probe", "plain") else None)
        for name in NAMES
    ]
    sign = 1 if better else -1

    def change(size: float) -> dict[str, Interval]:
        middle = sign * size * 0.01
        return {"score": Interval(middle, middle - 0.0196, middle + 0.0196)}

    baselines = tuple(
        Baseline(
            name,
            "",
            "",
            False,
            {f"validation:{key}": {"score": Interval(0.5)} for key in changes},
            {f"validation:{key}": change(sizes[place]) for key, sizes in changes.items()},
        )
        for place, name in enumerate(NAMES)
    )
    measures = {f"validation:{key}": Measure("score", better) for key in changes}
    found, why = keep.better_baseline(Gain("full of x", {}, measures, baselines), fitted)
    assert (found and found.name) == kept and bool(why) == bool(kept)


def test_where_nothing_can_be_told_nothing_is_kept() -> None:
    artefact: Any = Artefact(None, None, "")  # pyright: ignore[reportArgumentType]
    fitted = [Fitted("plain", "", "", False, {}, {}, artefact)]
    unknown = Baseline("plain", "", "", False, {}, {"validation": {"score": Interval(-0.5)}})
    gain = Gain("full of x", {}, {"validation": Measure("score", True)}, (unknown,))
    assert keep.better_baseline(gain, fitted)[0] is None
    assert keep.better_baseline(Gain("full of x", {}, {}, (unknown,)), fitted)[0] is None
