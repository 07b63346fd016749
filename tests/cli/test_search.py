"""The command searches, explains, and goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

import headstart as hs
from headstart.cli.main import main
from headstart.inputs.vector import Vector
from headstart.selection import candidates, tuning, verify


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    code = end.value.code
    out, err = capsys.readouterr()
    return code if isinstance(code, int) else 0, out, err


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(candidates, "METHODS", candidates.METHODS[:1])
    monkeypatch.setattr(tuning, "FURTHER", 0)
    monkeypatch.setattr(verify, "FOLDS", 2)
    monkeypatch.setattr(Vector, "baselines", classmethod(lambda cls, inputs: ()))
    frame: pd.DataFrame = load_breast_cancer(as_frame=True).frame  # pyright: ignore[reportAttributeAccessIssue]
    frame = (frame - frame.mean()) / frame.std()
    frame["target"] = np.where(frame["target"] > 0, "benign", "malignant")
    frame.iloc[:200].to_csv("rows.csv", index=False)
    frame.iloc[200:400].to_csv("old.csv", index=False)
    hs.fit("old.csv", source="vector:mlp", strategy="full", steps=30, out="old", progress=False, keep_better="no")
    return tmp_path / "rows.csv"


def test_it_searches_explains_and_says_where_the_first_model_is(table: Path, capsys) -> None:
    given = ["fit", str(table), "--sources", "run:old", "--steps", "16", "--budget", "10m", "--out", "out"]
    code, out, err = run(capsys, *given, "--explain", "--json")
    assert code == 0, err
    result = json.loads(out.splitlines()[-1])
    assert result["metrics"]["test"]
    assert "search: 1 source, 10 minutes; out" in err and "a first model, run:old: accuracy" in err
    assert "what became of it" in err and "Chosen: run:old: " in err
    assert [row[0] for row in hs.explain("out").rows] == ["run:old: probe", "run:old: full"]
    code, out, _ = run(capsys, "report", "out")
    assert code == 0 and "What was searched through" in Path("out/report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--sources", "package:none*"], "meets no source"),
        (["--sources", "nowhere"], "is neither a source (SOURCE:NAME) nor a text file"),
        (["--sources", "run:old", "--budget", "soon"], "is no time: write seconds, or 90s, 10m, 1h30m"),
        (["--sources", "run:old", "--budget", "0"], "must be above 0"),
        (["--sources", "run:old", "--source", "run:old"], "leave one of them away"),
        (["--sources", "run:old", "--folds", "3"], "leave --folds away"),
        (["--explain", "--strategy", "full"], "--explain is for a search"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(table: Path, capsys, arguments: list[str], what: str) -> None:
    code, _, err = run(capsys, "fit", str(table), *arguments, "--out", "out")
    assert code == 2 and what in err, err
    assert not Path("out").exists()


@pytest.mark.slow
def test_a_source_of_another_modality_is_left_out_and_none_that_is_left_is_an_error(table: Path, capsys) -> None:
    code, _, err = run(capsys, "fit", str(table), "--sources", "timm:test_resnet", "--out", "out")
    assert code == 2 and "No source could be used: timm:test_resnet: " in err


def test_explain_of_a_plain_run_says_how_to_search(table: Path) -> None:
    with pytest.raises(hs.UsageError, match=r"old has no search\.json: its source was not searched for"):
        hs.explain("old")
