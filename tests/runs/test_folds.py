"""Cross-validation: every row is tested by a model that has not seen it, and test rows by none."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import headstart as hs
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe
from headstart.core.stopping import Stopped
from headstart.metrics._find import load
from headstart.runs import folds
from headstart.runs.folds import cross_validate

SETTINGS = {"stages.0.steps": 4, "stages.0.lr": 1e-2, "data.validation": 0.2}


@contextmanager
def stopping(monkeypatch, after: int) -> Iterator[None]:
    """Stop the cross-validation in the block once so many runs are made."""
    plain, made = folds.fit, []

    def stopped(data, recipe, **given):
        if len(made) == after:
            raise Stopped(2)
        made.append(data)
        return plain(data, recipe, **given)

    with monkeypatch.context() as patched, pytest.raises(Stopped):
        patched.setattr(folds, "fit", stopped)
        yield


def test_each_row_is_tested_once_a_repeat_and_never_trained_on(cancer, tmp_path, monkeypatch):
    seen = []
    plain = folds.fit

    def watched(data, recipe, **given):
        seen.append(data)
        return plain(data, recipe, **given)

    monkeypatch.setattr(folds, "fit", watched)
    recipe = hs.Recipe().with_settings({**SETTINGS, "source.name": "vector:mlp", "data.test": 0.2})
    got = cross_validate(cancer, recipe, k=3, repeats=2, out=tmp_path / "run")
    begun, *parts = seen
    whole = begun.dataset
    kept = set(whole.splits["train"].ids) | set(whole.splits["validation"].ids)
    apart = set(whole.splits["test"].ids)
    assert len(parts) == 6
    for repeat in (parts[:3], parts[3:]):
        tested = [row for part in repeat for row in part.splits["test"].ids]
        assert sorted(tested) == sorted(kept)
    for part in parts:
        learnt = set(part.pools["train"].ids) | set(part.splits["validation"].ids)
        assert not learnt & set(part.splits["test"].ids) and not learnt & apart
        assert learnt | set(part.splits["test"].ids) == kept
    plain_result = json.loads((tmp_path / "run" / "folds.json").read_text())
    assert plain_result["rows"] == len(kept) and len(plain_result["values"]["accuracy"]) == 6
    mean = got.mean["accuracy"]
    assert mean.value == pytest.approx(sum(plain_result["values"]["accuracy"]) / 6)
    assert mean.low is not None and mean.value is not None and mean.low < mean.value
    frame = pd.read_parquet(tmp_path / "run" / "folds" / "predictions.parquet")
    assert len(frame) == 2 * len(kept)
    first = frame[frame["repeat"] == 0]
    assert got.out_of_fold.metrics["accuracy"].value == pytest.approx((first["label"] == first["prediction"]).mean())
    assert "Cross-validation" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert hs.load(tmp_path / "run").classes == ("benign", "malignant")
    assert not (tmp_path / "run" / "folds" / "0-0" / "model").exists()


@pytest.mark.slow
def test_intervals_stay_where_a_metric_can_be_and_no_fold_speaks_of_the_others(cancer, tmp_path):
    small = pd.read_csv(cancer).groupby("target", group_keys=False).head(12)
    small.to_csv(tmp_path / "small.csv", index=False)
    seen = []
    settings = {**SETTINGS, "data.test": 0.0, "source.name": "vector:mlp"}
    recipe = hs.Recipe().with_settings(settings)
    got = cross_validate(str(tmp_path / "small.csv"), recipe, k=4, out=tmp_path / "run", listen=seen.append)
    for name, interval in got.mean.items():
        least, greatest = load(name).limits
        assert interval.low is not None and interval.high is not None
        assert least <= interval.low <= interval.high <= greatest
    assert any(interval.high == 1.0 and interval.value < 1 for interval in got.mean.values() if interval.value)
    text = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert re.search(r"cross-validated accuracy <strong>0\.\d+</strong>.*mean over 4 folds of 24 rows", text)
    notes = [event.message for event in seen if event.kind == "note"]
    first = notes.index("fold 1 of 4")
    assert notes[first:] == [f"fold {number} of 4" for number in range(1, 5)]
    fold = json.loads((tmp_path / "run" / "folds" / "0-0" / "run.json").read_text())
    assert fold["rows"]["test"] == 6


@pytest.mark.slow
def test_a_stopped_one_goes_on_and_measures_the_same(cancer, tmp_path, monkeypatch):
    recipe = hs.Recipe().with_settings({**SETTINGS, "source.name": "vector:mlp", "data.test": 0.0})
    whole = cross_validate(cancer, recipe, k=3, out=tmp_path / "whole")
    plain = folds.fit
    with stopping(monkeypatch, after=3):  # the final run, and two folds
        cross_validate(cancer, recipe, k=3, out=tmp_path / "run")
    with pytest.raises(UsageError, match="holds a fold of other rows"):
        cross_validate(cancer, recipe, k=4, out=tmp_path / "run")
    again = []
    monkeypatch.setattr(folds, "fit", lambda *given, **named: again.append(1) or plain(*given, **named))
    got = cross_validate(cancer, recipe, k=3, out=tmp_path / "run")
    assert len(again) == 2  # the final run gives its results again; one fold was left
    assert got.values == whole.values and got.mean == whole.mean
    assert Recipe.read(tmp_path / "run" / "folds" / "recipe.toml") == recipe.with_settings({"data.path": str(cancer)})
    with pytest.raises(UsageError, match="holds a finished run"):
        cross_validate(cancer, recipe, k=3, out=tmp_path / "run")


@pytest.mark.slow
def test_a_lost_recipe_is_told_with_a_way_that_goes_on(cancer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cancer = shutil.copy(cancer, "cancer.csv")
    with stopping(monkeypatch, after=2):  # the final run, and one fold
        hs.cross_validate(cancer, source="vector:mlp", settings=SETTINGS, folds=3, out="run", progress=False)
    kept = Path("run/folds/recipe.toml").read_text()
    Path("run/folds/recipe.toml").unlink()
    with pytest.raises(UsageError) as caught:
        hs.cross_validate(folds=3, resume="run", progress=False)
    way = "hs.cross_validate(DATA, resume='run', folds='K', recipe='FILE')"
    assert way in str(caught.value) and "run/recipe.toml will do for FILE too" in str(caught.value)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir("other")
    (tmp_path / "copy").mkdir()
    with pytest.raises(UsageError, match="holds no cross-validation to go on with"):
        hs.cross_validate(folds=3, resume=tmp_path / "copy", progress=False)
    shutil.copytree(tmp_path / "run", tmp_path / "second")
    chosen = hs.cross_validate(
        tmp_path / cancer, recipe=Recipe.read("../run/recipe.toml"), folds=3, resume="../run", progress=False
    )
    assert len(chosen.values["accuracy"]) == 3
    (tmp_path / "second/folds/recipe.toml").write_text(kept)
    assert len(hs.cross_validate(folds=3, resume="../second", progress=False).values["accuracy"]) == 3


def test_groups_stay_in_one_fold(tmp_path):
    frame = pd.DataFrame({"a": range(60), "b": [i % 7 for i in range(60)], "who": [f"p{i // 3}" for i in range(60)]})
    frame["label"] = ["x" if i % 2 else "y" for i in range(60)]
    data = hs.read(frame, hs.DataPlan(inputs=("a", "b"), labels=("label",), group="who", test=0.0))
    assert set(data.groups.values()) == set(frame["who"])
    seen = []
    settings = {**SETTINGS, "stages.0.steps": 1}
    recipe = hs.Recipe().with_settings({**settings, "source.name": "vector:mlp"})
    got = cross_validate(data, recipe, k=3, out=tmp_path / "run", listen=seen.append)
    frame = pd.read_parquet(tmp_path / "run" / "folds" / "predictions.parquet")
    homes: Any = frame.assign(who=[data.groups[row] for row in frame["id"]]).groupby("who")["fold"].nunique()
    assert (homes == 1).all() and got.k == 3


def test_two_domains_are_refused(tmp_path):
    frame = pd.DataFrame({"a": range(40), "domain": ["s", "t"] * 20, "label": ["x", "y", "y", "x"] * 10})
    recipe = hs.Recipe().with_settings(
        {"source.name": "vector:mlp", "data.source_domain": "s", "data.target_domain": "t", "data.inputs": "a"}
    )
    with pytest.raises(UsageError, match="one domain"):
        cross_validate(frame, recipe, k=2, out=tmp_path / "run")


def test_without_a_recipe_no_row_is_set_apart(cancer, tmp_path):
    got = hs.cross_validate(
        cancer, folds=2, source="vector:mlp", settings={**SETTINGS, "stages.0.steps": 1}, out=tmp_path / "run"
    )
    assert "test" not in got.final.evaluations
    assert got.out_of_fold.rows == len(pd.read_csv(cancer))
