"""Every run leaves a report, a model card and calibrated figures that its saved model gives again."""

from __future__ import annotations

import json
import shutil
from typing import Any

import numpy as np
import pytest
from huggingface_hub import ModelCard
from PIL import Image

import headstart as hs
from headstart.core import storage
from headstart.core.errors import StorageError, UsageError
from headstart.runs.report import write_report


def test_a_run_leaves_a_report_and_a_model_card(two_runs):
    for run, moved in zip(two_runs, (0, 1), strict=True):
        page = (run.folder / "report.html").read_text(encoding="utf-8")
        assert "What moved, what stayed frozen" in page and "Embedding map" in page
        sees = page.index("<h2>What the network sees")
        assert page.index("<h2>Worst mistakes") < sees < page.index("<h2>The data") and "a batch of one" in page[sees:]
        seen = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
        backbone = [stage for stage in seen["moves"] if not stage.get("new")]
        assert all(stage["moved"] == moved * stage["parameters"] for stage in backbone)
        assert seen["moves"][-1]["new"] and seen["moves"][-1]["moved"] == seen["moves"][-1]["parameters"]
        assert ("after" in seen["map"]) == bool(moved)
        card: Any = ModelCard.load(run.folder / "model" / "README.md")
        assert card.data.pipeline_tag == "tabular-classification"


def test_the_report_is_written_again_without_data_or_source(two_runs, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(two_runs[0].folder, copy)
    first = (copy / "report.html").read_text(encoding="utf-8")
    (copy / "report.html").unlink()
    (copy / "model" / "README.md").write_text("my own card")
    assert write_report(copy) == copy / "report.html"
    again = (copy / "report.html").read_text(encoding="utf-8")
    assert again == first.replace(str(two_runs[0].folder), str(copy))
    assert (copy / "model" / "README.md").read_text() == "my own card"
    storage.verify(copy / "model")  # a card that was edited is no damage
    hs.load(copy)


def test_what_is_no_run_is_refused(tmp_path, two_runs):
    with pytest.raises(UsageError, match="no folder"):
        write_report(tmp_path / "none")
    copy = tmp_path / "copy"
    shutil.copytree(two_runs[0].folder, copy)
    (copy / "report.json").write_text("{")
    with pytest.raises(StorageError, match="damaged"):
        write_report(copy)


def test_calibration_is_kept_with_the_model(two_runs):
    run = two_runs[0]
    predictor = hs.load(run.folder)
    metrics = json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))
    assert predictor.calibration.rows == metrics["validation"]["rows"] >= 50
    assert predictor.calibration.temperature is not None
    for split in ("validation", "test"):
        assert set(metrics[split]["uncalibrated"]) == {"ece", "log_loss", "brier"}
    before, after = metrics["validation"]["uncalibrated"], metrics["validation"]["metrics"]
    assert after["log_loss"]["value"] < before["log_loss"]


def test_the_saved_model_gives_the_reported_figures_again(two_runs):
    for run in two_runs:
        again = hs.evaluate(run.folder)
        assert again.evaluations == {"test": run.evaluations["test"]}  # the validation rows were learnt


def test_worst_mistakes_show_their_pictures(tmp_path):
    rng = np.random.default_rng(0)
    for label in ("dark", "light"):
        for number in range(24):
            path = tmp_path / "data" / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            size = (8, 8) if number % 2 else (200, 120)
            Image.fromarray(rng.integers(0, 255, (*size[::-1], 3), dtype=np.uint8)).save(path)
    settings = {"stages.0.steps": 2, "stages.0.augment": "none", "data.test": 0.4}
    run = hs.fit(tmp_path / "data", source="digits:cnn", strategy="scratch", settings=settings, out=tmp_path / "run")
    seen = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
    assert 0 < len(seen["mistakes"]) <= 12
    kinds = {mistake["image"].partition(";")[0] for mistake in seen["mistakes"]}
    assert kinds <= {"data:image/png", "data:image/jpeg"}
    assert all(mistake["tiny"] == mistake["image"].startswith("data:image/png") for mistake in seen["mistakes"])
    assert max(len(mistake["image"]) for mistake in seen["mistakes"]) < 40_000
    assert "<img" in (run.folder / "report.html").read_text(encoding="utf-8")


def test_a_multi_label_run_decides_by_its_thresholds(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 6)).astype(np.float32)
    y = (x[:, :3] + 0.5 * rng.normal(size=(400, 3)) > 0.9).astype(int)
    labels = [[name for name, flag in zip("abc", row, strict=True) if flag] for row in y]
    settings = {"stages.0.steps": 30, "stages.0.lr": 1e-2, "data.task": "multilabel", "data.validation": 0.3}
    run = hs.fit((x, labels), source="vector:mlp", strategy="full", settings=settings, out=tmp_path / "run")
    predictor = hs.load(run.folder)
    limits = predictor.calibration.thresholds
    assert set(limits) == {"a", "b", "c"} and any(value != 0.5 for value in limits.values())
    p = predictor.predict_proba(list(x[:50]))
    expected = [tuple(c for c, v in zip("abc", row, strict=True) if v >= limits[c]) for row in p]
    assert predictor.predict(list(x[:50])) == expected
    assert "threshold, probability" in (run.folder / "report.html").read_text(encoding="utf-8")


def test_an_unfinished_run_has_no_report_and_says_how_to_go_on(two_runs, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(two_runs[0].folder, copy)
    state = json.loads((copy / "state.json").read_text(encoding="utf-8"))
    (copy / "state.json").write_text(json.dumps({**state, "status": "training"}), encoding="utf-8")
    with pytest.raises(StorageError, match=r"unfinished run\. Go on with it: hs.fit\(resume="):
        write_report(copy)


def test_rows_that_chose_are_called_optimistic_beside_test_rows_too(two_runs):
    metrics = json.loads((two_runs[0].folder / "metrics.json").read_text(encoding="utf-8"))
    notes = {split: [note for note in entry["notes"] if "optimistic" in note] for split, entry in metrics.items()}
    assert notes.keys() == {"validation", "test"} and len(notes["validation"]) == 1 and not notes["test"]
    assert notes["validation"][0] in (two_runs[0].folder / "report.html").read_text(encoding="utf-8")
