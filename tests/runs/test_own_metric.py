"""A metric of one's own is one file: it is in metrics.json, the report, comparisons and folds, with an interval."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import headstart as hs
from headstart.cli.main import main
from headstart.core.errors import UsageError
from headstart.runs.report import write_report

WORST_RECALL = '''"""Recall of the class that has the lowest (for a test)."""
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar
import numpy as np

@dataclass(frozen=True)
class WorstRecall:
    """The lowest recall."""
    title: ClassVar[str] = "Lowest recall"
    forms: ClassVar[tuple[str, ...]] = ("classes",)
    width: ClassVar[int | None] = None
    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "it needs rows of every class"
    of_probabilities: ClassVar[bool] = False

    def unit(self, form, names):
        return f"share, of the worst of {len(names)}"

    def weighted(self, measured):
        def compute(weights):
            support, _, hits = measured.counts(weights)
            return np.divide(hits, support, out=np.full(hits.shape, np.nan), where=support > 0).min(axis=0)
        return compute
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Drop the metric into a folder of plug-ins."""
    (tmp_path / "plugins" / "metrics").mkdir(parents=True)
    (tmp_path / "plugins" / "metrics" / "worst_recall.py").write_text(WORST_RECALL)
    monkeypatch.setenv("HEADSTART_PLUGINS", str(tmp_path / "plugins"))


def test_it_is_wherever_metrics_are(own, two_runs, fit_rows, tmp_path, monkeypatch, capsys):
    run = fit_rows(out=tmp_path / "run")
    plain = json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))["test"]
    frame: pd.DataFrame = pd.read_parquet(run.folder / "predictions.parquet").query("split == 'test'")
    figure = plain["metrics"]["worst_recall"]
    right = frame["label"] == frame["prediction"]
    assert figure["value"] == pytest.approx(
        min(right[frame["label"] == name].mean() for name in ("benign", "malignant"))
    )
    assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    assert plain["higher_is_better"]["worst_recall"] and plain["units"]["worst_recall"] == "share, of the worst of 2"
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "worst recall" in page and "share, of the worst of 2" in page
    assert "Lowest recall" in (run.folder / "model" / "README.md").read_text(encoding="utf-8")

    before = two_runs[0].folder  # of before the file was there
    assert "worst_recall" in hs.compare([before, run.folder], resamples=20).comparisons[str(run.folder)].differences
    with pytest.raises(SystemExit):
        main(
            [
                "compare",
                str(before),
                str(run.folder),
                "--resamples",
                "20",
                "--verbose",
                "--out",
                str(tmp_path / "c.html"),
            ]
        )
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("worst_recall"))
    assert row.split("│")[1].strip() == "–"

    monkeypatch.delenv("HEADSTART_PLUGINS")
    assert "worst_recall" not in hs.compare([before, run.folder], resamples=0).comparisons[str(run.folder)].differences
    assert write_report(run.folder).read_text(encoding="utf-8") == page  # the record says what is needed


@pytest.mark.slow
def test_folds_of_before_it_came_are_taken(own, cancer, tmp_path, monkeypatch):
    settings = {"stages.0.steps": 2, "stages.0.lr": 1e-2, "data.validation": 0.2, "data.test": 0.0}
    given = {"source": "vector:mlp", "settings": settings, "folds": 2, "out": tmp_path / "run"}
    with monkeypatch.context() as before:
        before.delenv("HEADSTART_PLUGINS")
        hs.cross_validate(cancer, **given)
    (tmp_path / "run" / "folds.json").unlink()
    pd.DataFrame().to_parquet(tmp_path / "run" / "folds" / "predictions.parquet")
    record = tmp_path / "run" / "folds" / "0-1" / "metrics.json"
    plain = json.loads(record.read_text(encoding="utf-8"))
    plain["test"]["metrics"]["worst_recall"] = {"value": 0.5, "low": None, "high": None}
    record.write_text(json.dumps(plain))
    got = hs.cross_validate(cancer, **given)
    assert got.values["worst_recall"] == [None, 0.5] and got.mean["worst_recall"].value == 0.5
    monkeypatch.delenv("HEADSTART_PLUGINS")
    write_report(tmp_path / "run")


@pytest.mark.parametrize("left_out", ["limits", "undefined"])
def test_one_that_lacks_something_is_refused_before_data_is_read(left_out, tmp_path, monkeypatch):
    (tmp_path / "metrics").mkdir()
    lines = [line for line in WORST_RECALL.splitlines() if f" {left_out}:" not in line]
    (tmp_path / "metrics" / f"without_{left_out}.py").write_text("\n".join(lines))
    monkeypatch.setenv("HEADSTART_PLUGINS", str(tmp_path))
    with pytest.raises(UsageError, match=rf"metric 'without_{left_out}' lacks: {left_out}\."):
        hs.fit(tmp_path / "no such data", source="vector:mlp", out=tmp_path / "run")
