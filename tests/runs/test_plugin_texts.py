"""`NAME OPTION=VALUE …` names a plug-in wherever one is named: Python, the command, the estimators, trackers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_wine

import headstart as hs
from headstart.cli.main import main
from headstart.core.choice import Choice
from headstart.runs.track import parse_tracker

PAIR: Any = load_wine(return_X_y=True)
FEW = {"stages.0.steps": 2}


def test_fit_takes_options_with_the_name(tmp_path: Path) -> None:
    run = hs.fit(
        PAIR,
        source="vector:mlp width=16 depth=3",
        strategy="partial k=2",
        objective="supervised label_smoothing=0.1",
        head="mlp hidden=8",
        settings=FEW,
        out=tmp_path / "run",
    )
    stage = run.recipe.stages[0]
    assert stage.strategy is not None and stage.strategy.options["k"] == 2
    assert stage.objective.options["label_smoothing"] == 0.1
    assert run.recipe.head == Choice("mlp", {"hidden": "8"})
    assert hs.load(run.folder).model.backbone.card.architecture == {"dim": 13, "width": 16, "depth": 3}


def test_a_source_alone_takes_them_too() -> None:
    assert hs.source("vector:mlp dim=4 width=16").dim == 16
    assert hs.source("vector:mlp dim=4 width=16", {"width": 8}).dim == 8
    assert "16" in hs.inspect("vector:mlp dim=4 width=16").text(2)


def test_the_command_takes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,b,label\n" + "".join(f"{i},{i % 5},{'xy'[i % 2]}\n" for i in range(60)), encoding="latin-1")
    names = ["--source", "vector:mlp width=16", "--strategy", "partial k=1", "--head", "mlp hidden=8"]
    names += ["--objective", "supervised label_smoothing=0.1", "--reader", "table encoding=latin-1"]
    with pytest.raises(SystemExit, match="0"):
        main(["fit", str(table), *names, "--set", "stages.1.strategy=partial k=2", "--dry-run", "--json"])
    recipe = json.loads(capsys.readouterr().out)["recipe"]
    assert [stage["strategy"]["k"] for stage in recipe["stages"]] == [1, 2]
    assert recipe["stages"][0]["objective"]["label_smoothing"] == 0.1
    assert recipe["head"]["hidden"] == "8"
    assert recipe["data"]["reader"]["encoding"] == "latin-1"
    assert recipe["source"] == {"name": "vector:mlp", "width": "16"}


def test_an_estimator_takes_them() -> None:
    model = hs.HeadstartClassifier(strategy="layers layers=layer2", head="mlp hidden=8", settings=FEW).fit(*PAIR)
    recipe = model.fitted_.predictor.recipe
    assert recipe.source == Choice("vector:mlp") and recipe.head == Choice("mlp", {"hidden": "8"})
    assert recipe.stages[0].strategy is not None and recipe.stages[0].strategy.name == "layers"
    named = hs.HeadstartClassifier(settings=FEW | {"source": "vector:mlp width=16"}).fit(*PAIR)
    assert named.fitted_.predictor.model.backbone.dim == 16


@pytest.mark.parametrize(
    "text", ["mlflow uri=sqlite:///a.db experiment=birds", "mlflow:uri=sqlite:///a.db,experiment=birds"]
)
def test_a_tracker_takes_them_in_either_form(text: str) -> None:
    assert parse_tracker(text) == Choice("mlflow", {"uri": "sqlite:///a.db", "experiment": "birds"})


def test_a_text_that_is_no_plugin_says_what_one_is() -> None:
    with pytest.raises(hs.UsageError, match="NAME OPTION=VALUE"):
        hs.fit(PAIR, source="vector:mlp", strategy="partial 2")
