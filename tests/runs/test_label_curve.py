"""Claim: the curve over the number of labels is the probe's on these rows, and says whether more would help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import headstart as hs
from headstart.runs import label_curve
from toys import ENGLISH

WORDS = ("the", "a", "movie", "good", "bad", "great", "film", "is")


def sentences(rows: int, *, kind: str = "binary", noise: float = 0.0) -> tuple[list[str], list[Any]]:
    """Make English sentences whose label is whether a word is in them; a share has a wrong one."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 6)) for _ in range(rows)]
    marks = np.array(["good" in text for text in texts]) ^ (rng.random(rows) < noise)
    values = (marks * 2.0 + rng.normal(0, 0.1, rows)).tolist()
    return texts, values if kind == "regression" else np.where(marks, "yes", "no").tolist()


def fitted(out: Path, rows: int, *, kind: str = "binary", noise: float = 0.0, **more: Any) -> hs.Run:
    settings = {"data.task": kind, "data.validation": 0.4, "data.test": 0.2} | more.pop("settings", {})
    strategy = more.pop("strategy", "linear_probe")
    data = sentences(rows, kind=kind, noise=noise)
    return hs.fit(data, source=f"run:{ENGLISH}", strategy=strategy, settings=settings, out=out, **more)


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_the_curve_ends_at_the_run_and_stands_in_the_report(tmp_path: Path, kind: str) -> None:
    run = fitted(tmp_path / "run", 500, kind=kind, noise=0.1)
    assert run.label_curve is not None
    found = run.label_curve["target"]
    rows = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))["rows"]["train"]
    sizes = [size for size, _ in found["points"]]
    assert sizes == [rows // 16] * 3 + [rows // 8] * 3 + [rows // 4] * 3 + [rows // 2] * 3 + [rows]
    assert run.gain is not None
    own = run.gain.metrics["validation"][found["metric"]].value
    assert found["points"][-1][1] == pytest.approx(own, abs=1e-6), "it is the run's own figure"
    gain = found["gain"]
    assert 0 <= gain["low"] <= gain["value"] <= gain["high"]
    assert ("raise accuracy" if kind == "binary" else "lower rmse") in found["said"].lower()
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert found["said"] in page and "Would more labels help?" in page and "power law of the error" in page
    again = hs.fit(sentences(500, kind=kind, noise=0.1), resume=run.folder)
    assert again.label_curve == run.label_curve


def test_where_the_run_moves_the_network_it_is_said_whose_curve_it_is(tmp_path: Path) -> None:
    steps = {"stages.0.steps": 3, "stages.0.optimiser": "adamw"}
    run = fitted(tmp_path / "run", 300, strategy="full", settings=steps)
    assert run.label_curve is not None and run.gain is not None
    found = run.label_curve["target"]
    assert found["moved"] and "curve of the probe on the source's features" in found["said"]
    probe = run.gain["probe"].metrics["validation"]["accuracy"].value
    assert found["points"][-1][1] == pytest.approx(probe)


def test_without_validation_rows_those_that_were_left_out_measure(tmp_path: Path) -> None:
    run = fitted(tmp_path / "run", 160, settings={"data.validation": 0})
    assert run.label_curve is not None
    found = run.label_curve["target"]
    assert found["measured_on"] == "left out" and len(found["points"]) >= 4
    assert "rows that were left out of the fit" in (run.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_few_rows_and_sources_without_features_have_none_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = fitted(tmp_path / "few", 45, settings={"data.validation": 0})
    assert few.label_curve == {"why": "there are 36 training rows, fewer than 40"}
    assert "Not measured: there are 36 training rows" in (few.folder / "report.html").read_text(encoding="utf-8")
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 3)), columns=list("abc"))
    numbers = hs.fit(frame.assign(y=frame["a"] > 0), source="vector:columns", out=tmp_path / "numbers")
    assert numbers.label_curve is not None and "no features of a pretrained source" in numbers.label_curve["why"]
    monkeypatch.setattr(label_curve, "WIDEST", 3)
    wide = fitted(tmp_path / "wide", 160)
    assert wide.label_curve is not None and "wide" in wide.label_curve["why"]


def test_a_penalty_is_chosen_once_a_size_and_each_class_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, bool, int]] = []
    real = label_curve.solve_heads

    def watched(setting: Any, frozen: Any, data: Any, features: Any, chosen: Any) -> Any:
        labels = data.splits["train"].labels["target"]
        seen.append((len(features), bool(chosen), len(np.unique(labels))))
        return real(setting, frozen, data, features, chosen)

    monkeypatch.setattr(label_curve, "solve_heads", watched)
    texts, _ = sentences(400)
    labels = ["rare" if place % 60 == 0 else "often" for place in range(400)]
    settings = {"data.validation": 0.4, "data.test": 0.2}
    hs.fit((texts, labels), source=f"run:{ENGLISH}", strategy="linear_probe", settings=settings, out=tmp_path / "run")
    sizes = sorted({size for size, *_ in seen})
    assert [known for _, known, _ in seen] == [False, True, True] * len(sizes)
    assert {classes for *_, classes in seen} == {2}


@pytest.mark.slow
def test_a_task_without_validation_rows_is_judged_by_rows_left_out(tmp_path: Path) -> None:
    def rows(first: int, last: int) -> pd.DataFrame:
        texts, labels = sentences(last, noise=0.1)
        return pd.DataFrame({"text": texts, "label": labels}).iloc[first:].reset_index(drop=True)

    tasks = {
        "large": {"train": rows(0, 200), "validation": rows(200, 260), "test": rows(260, 280)},
        "small": {"train": rows(280, 370), "test": rows(370, 390)},
    }
    words: dict[str, Any] = {"source": f"run:{ENGLISH}", "progress": False, "settings": {"tasks.small.validation": 0}}
    curves = hs.fit(tasks, out=tmp_path / "both", **words).label_curve or {}
    assert {name: curve["measured_on"] for name, curve in curves.items()} == {
        "large": "validation",
        "small": "left out",
    }
    assert len(curves["small"]["points"]) == len(curves["large"]["points"]) >= 3
