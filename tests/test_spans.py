"""Questions from a file to answers in new contexts: trained, measured, shown, resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

import headstart as hs
from dense import check_resumes
from headstart.cli.main import app
from headstart.core.errors import UsageError
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.types import silent
from headstart.data.read import read
from headstart.models.load import load_source
from headstart.models.operate import operate
from headstart.runs.defaults import with_usual_head
from headstart.runs.network import build_model
from headstart.runs.suited import suited
from questions import folder_of, reader_of_pairs

PARTS = {"train": 12, "dev": 6, "test": 6}


def test_a_stop_and_a_resume_give_the_same_weights(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data", PARTS)
    reader = reader_of_pairs(tmp_path / "bert", hidden=16)

    def made() -> tuple[Any, Any]:
        data = read(folder, DataPlan())
        backbone = operate(load_source(f"hf:{reader}"), ["context"]).backbone
        return build_model(Recipe().with_settings({"head": "spans"}), data, backbone), data

    check_resumes(tmp_path, made)


def test_the_head_and_the_surgery_are_those_of_the_kind(tmp_path: Path) -> None:
    task = read(folder_of(tmp_path / "data", PARTS), DataPlan()).task
    named = Recipe().with_settings({"source": "hf:somewhere"})
    found = suited(with_usual_head(named, task, silent), task)
    assert found.head.name == "spans" and [op.name for op in found.surgery] == ["context"]
    with pytest.raises(UsageError, match="does not fit"):
        suited(named.with_settings({"head": "tokens"}), task)


LEARNING = {"stages.0.strategy": "full", "stages.0.batch_size": 64}


@pytest.mark.slow  # trains a small network
@pytest.mark.parametrize(("kind", "impossible"), [("bert", 0.2), ("roberta", 0.0)])
def test_from_a_file_to_answers_in_new_contexts(
    kind: str, impossible: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "data", {"train": 2000, "dev": 100, "test": 100}, impossible=impossible)
    reader_of_pairs(tmp_path / "reader", kind)
    settings = {**LEARNING, "stages.0.steps": 600, "stages.0.lr": 3e-3, "source": "hf:reader"}
    run = hs.fit(tmp_path / "data", recipe=Recipe().with_settings(settings), out=tmp_path / "run")
    figures = run.evaluations["test"]
    assert figures.primary == "token_f1" and {"exact_match", "token_f1"} == {*figures.metrics}
    assert (figures.metrics["exact_match"].value or 0) > 0.9
    assert hs.evaluate(tmp_path / "run").evaluations["test"] == figures
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "By the length of the answer" in page and "<small>predicted</small>" in page
    new = [
        {"question": "mb", "context": "mc pink mb grey ma red"},
        {"question": "md", "context": "ma red mb blue mc gold"},
    ]
    (tmp_path / "new.jsonl").write_text("\n".join(map(json.dumps, new)), encoding="utf-8")
    told = CliRunner().invoke(app, ["predict", "run", "new.jsonl", "--out", "found.csv"])
    assert told.exit_code == 0, told.output
    table: Any = pd.read_csv("found.csv")
    assert (table["answer"][0], table["start"][0], table["end"][0]) == ("grey", 11, 15) and table["score"][0] > 0.5
    assert hs.load(tmp_path / "run").predict([("mb", "mc pink mb grey ma red")]) == ["grey"]
    if impossible:
        assert table["prediction"][1] == "no answer" and table["start"][1] == -1


@pytest.mark.slow  # trains small networks
def test_strategies_folds_and_a_comparison(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data", PARTS)
    reader = reader_of_pairs(tmp_path / "bert", hidden=16)
    recipe = Recipe().with_settings({"stages.0.steps": 2, "stages.0.batch_size": 4, "source": f"hf:{reader}"})
    runs = []
    for strategy in ("linear_probe", "lora", "partial k=1"):
        own = recipe.with_settings({"stages.0.strategy": strategy})
        runs.append(hs.fit(folder, recipe=own, out=tmp_path / strategy.partition(" ")[0]))
        assert hs.evaluate(runs[-1].folder).evaluations["test"] == runs[-1].evaluations["test"]
    plain = hs.compare([run.folder for run in runs[:2]]).to_plain()
    assert plain["rows"] == 6 and "token_f1" in str(plain)
    once = hs.cross_validate(folder, folds=2, recipe=recipe, out=tmp_path / "folds")
    assert once.out_of_fold.rows == 18 and once.out_of_fold.metrics["exact_match"].value is not None
