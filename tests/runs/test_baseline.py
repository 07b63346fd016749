"""Claim: a run on texts says how good TF-IDF is on the same rows, and plainly when TF-IDF is ahead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart as hs
from headstart.core.types import Event
from headstart.evaluation.metrics import evaluate
from headstart.evaluation.results import Comparison, Interval
from headstart.runs import baseline
from headstart.runs.baseline import Baseline
from headstart.targets.regression import Regression

ENGLISH = Path(__file__).parents[1] / "fixtures" / "v0.1" / "text" / "model"  # a network of 17 English words
SETTINGS = {"data.validation": 0, "stages.0.steps": 2, "stages.0.optimiser": "adamw"}


def reviews(kind: str) -> dict[str, Any]:
    """Make reviews of an English word and a Chinese word, whose first sign decides."""
    rng = np.random.default_rng(0)
    marks = rng.integers(0, 2, 120)
    texts = ["the " + "好坏"[mark] + "".join(rng.choice(list("菜饭汤面快慢店人"), 5)) for mark in marks]
    labels = [["glad", "sad"][mark] for mark in marks] if kind == "binary" else (marks * 3.0).tolist()
    return {"train": (texts[:60], labels[:60]), "test": (texts[60:], labels[60:])}


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_a_baseline_that_is_ahead_is_told_everywhere(tmp_path: Path, kind: str) -> None:
    events: list[Event] = []
    settings = {**SETTINGS, "data.task": kind}
    run = hs.fit(reviews(kind), source=f"run:{ENGLISH}", settings=settings, out=tmp_path / "run", listen=events.append)
    assert any(event.kind == "warning" and "unknown to" in event.message for event in events)
    assert run.baseline is not None and run.baseline.source == "tfidf:chars"
    found = run.baseline.metrics["test"]
    assert found.rows == 60
    accuracy, error = (found.metrics[name].value if name in found.metrics else None for name in ("accuracy", "rmse"))
    assert accuracy == 1 if kind == "binary" else error is not None and error < 0.5
    (said,) = run.baseline.said()
    assert "The model without pretraining is ahead of the run" in said and said.endswith("take the source tfidf:chars.")
    assert said in (run.folder / "report.html").read_text(encoding="utf-8")
    assert json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["baseline"]["said"] == [said]


def test_the_baseline_itself_has_none_and_of_very_many_rows_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = reviews("binary")
    assert hs.fit(data, source="tfidf:chars", settings=SETTINGS, out=tmp_path / "same").baseline is None
    monkeypatch.setattr(baseline, "MOST_ROWS", 59)
    events: list[Event] = []
    run = hs.fit(data, source=f"run:{ENGLISH}", settings=SETTINGS, out=tmp_path / "many", listen=events.append)
    assert run.baseline is None
    assert any("no baseline tfidf:chars beside this run: there are 60 training rows" in e.message for e in events)


@pytest.mark.parametrize(
    ("better", "low", "high", "expected"),
    [
        (True, 0.1, 0.2, "The run is ahead of the model without"),
        (True, -0.2, -0.1, "The model without pretraining is ahead of the run"),
        (False, 0.1, 0.2, "The model without pretraining is ahead of the run"),
        (False, -0.2, -0.1, "The run is ahead of the model without"),
        (False, -0.1, 0.3, "nor behind by more than chance"),
    ],
)
def test_who_is_ahead_depends_on_which_way_the_metric_is_better(
    better: bool, low: float, high: float, expected: str
) -> None:
    y = np.arange(8, dtype=np.float32)[:, None]
    change = Comparison("rmse", {"rmse": Interval((low + high) / 2, low, high)}, None, {"rmse": better}, 8, 0.95)
    made = Baseline("tfidf:words", {"test": evaluate(Regression(("y",)), y, y + 0.5)}, {"test": change})
    (said,) = made.said()
    assert said.startswith("Baseline without pretraining (tfidf:words), test rmse: 0.5") and expected in said
