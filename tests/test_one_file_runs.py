"""Objectives and criteria dropped in as one file go all the way: fit, stop, resume, save, load, predict, report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import headstart as hs
from headstart.core.storage import sha256
from headstart.core.types import Event

PLUGINS = Path(__file__).parents[1] / "examples" / "plugins"
COMMON = {
    "stages.0.steps": 12,
    "stages.0.batch_size": 6,
    "stages.0.evaluate": 4,
    "stages.0.patience": 0,
    "checkpoint": 0,
}


class Cut(BaseException):
    """The process is gone."""


@pytest.fixture(autouse=True)
def dropped_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_PLUGINS", str(PLUGINS))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Dark and bright pictures, ten of each with a label and twenty without."""
    rng = np.random.default_rng(0)
    for folder, level, count in (
        ("dark", 40, 20),
        ("bright", 200, 20),
        ("unlabelled/x", 40, 10),
        ("unlabelled/y", 200, 10),
    ):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for i in range(count):
            pixels = np.clip(rng.normal(level, 20, (16, 16)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / folder / f"{i}.png")
    return tmp_path / "data"


def fit_twice(folder: Path, data: Any, settings: dict[str, Any], **options: Any) -> hs.Run:
    """Fit at one go and cut off at step 7; both end with the same weights."""

    def cut(event: Event) -> None:
        if event.kind == "step" and event.values["step"] == 7:
            raise Cut

    settings = {**COMMON, **settings}
    run = hs.fit(data, settings=settings, out=folder / "whole", **options)
    with pytest.raises(Cut):
        hs.fit(data, settings=settings, out=folder / "cut", listen=cut, **options)
    again = hs.fit(data, settings=settings, resume=folder / "cut", **options)
    weights = [sha256(each.folder / "model" / "model.safetensors") for each in (run, again)]
    assert weights[0] == weights[1]
    if run.evaluations:
        learnt = run.recipe.refit == "yes"  # the validation rows
        measured = {
            key: found for key, found in run.evaluations.items() if not (learnt and key.startswith("validation"))
        }
        assert hs.evaluate(run.folder).evaluations == measured
    return run


def test_uda(tmp_path: Path, pictures: Path) -> None:
    settings = {"stages.0.objective.threshold": 0.6, "stages.0.objective.ratio": 2.0, "stages.0.lr": 0.01}
    run = fit_twice(tmp_path, pictures, settings, source="digits:cnn", strategy="full", objective="uda")
    assert (run.evaluations["test"].metrics["accuracy"].value or 0) > 0.8
    assert set(hs.load(run.folder).predict(str(pictures / "unlabelled" / "y"))) == {"bright"}
    assert "uda (threshold 0.6" in (run.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_simclr_without_labels_gives_features_to_start_from(tmp_path: Path, pictures: Path) -> None:
    run = fit_twice(tmp_path, pictures, {"data.task": "none"}, source="digits:cnn", strategy="full", objective="simclr")
    assert run.evaluations == {}
    model = hs.load(run.folder)
    assert model.embed(str(pictures / "dark")).shape == (20, 64)
    with pytest.raises(hs.UsageError, match="predicts nothing"):
        model.predict(str(pictures / "dark"))
    with pytest.raises(hs.UsageError, match="nothing to measure"):
        hs.evaluate(run.folder)
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "simclr" in page and "nothing was measured" in page
    later = hs.fit(pictures, source=f"run:{run.folder}", strategy="linear_probe", out=tmp_path / "later")
    assert (later.evaluations["test"].metrics["accuracy"].value or 0) > 0.8


@pytest.mark.slow
def test_two_tasks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3))
    lines = [f"{a:.4f},{b:.4f},{c:.4f},{'up' if a > 0 else 'down'},{2 * b + 1:.4f}" for a, b, c in x]
    path = tmp_path / "rows.csv"
    path.write_text("a,b,c,way,height\n" + "\n".join(lines))
    settings = {
        "data.targets.first.labels": "way",
        "data.targets.second.labels": "height",
        "data.targets.second.task": "regression",
        "stages.0.steps": 60,
        "stages.0.lr": 0.02,
    }
    run = fit_twice(tmp_path, path, settings, source="vector:mlp", strategy="full", objective="two_tasks")
    assert (run.evaluations["test:first"].metrics["accuracy"].value or 0) > 0.7
    assert (run.evaluations["test:second"].metrics["rmse"].value or 9) < 1.5
    found = hs.load(run.folder).predict(str(path))
    assert set(found) == {"first", "second"} and set(found["first"]) == {"up", "down"}
    assert all(isinstance(value, float) for value in found["second"])
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "first" in page and "second" in page and "train: height" in page


def test_a_criterion(tmp_path: Path, pictures: Path) -> None:
    told: list[str] = []

    def listen(event: Event) -> None:
        if event.kind == "evaluation":
            told.append(event.message)

    run = fit_twice(tmp_path, pictures, {"stages.0.criterion": "information"}, source="digits:cnn", strategy="full")
    hs.fit(
        pictures,
        settings={**COMMON, "stages.0.criterion": "information variety=0"},
        source="digits:cnn",
        strategy="full",
        out=tmp_path / "told",
        listen=listen,
    )
    assert told and all("information" in message for message in told)
    assert run.outcome.best is not None and run.outcome.best.name == "information"
    assert "information" in (run.folder / "report.html").read_text(encoding="utf-8")
