"""Trackers get the figures of a real run, each read back by the tracker's own package."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_wine

import headstart as hs
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.types import Event
from headstart.runs.track import parse_tracker, tracked
from headstart.trackers._figures import Figures, flat

ACCURACY = "result/validation/accuracy"


def fit(folder: Path, tracker: str) -> hs.Run:
    wine = load_wine()
    settings = {"stages.0.steps": 12, "stages.0.evaluate": 6, "data.test": 0.0}
    data = (wine.data.astype("float32"), [str(label) for label in wine.target])  # pyright: ignore[reportAttributeAccessIssue]
    return hs.fit(data, source="vector:mlp", strategy="full", settings=settings, out=folder, log=tracker)


@pytest.mark.parametrize("name", plugins.names("trackers"))
def test_a_missing_package_is_named_with_its_extra_before_any_work(name, monkeypatch, tmp_path):
    for module in ("tensorboard", "torch.utils.tensorboard", "mlflow", "wandb"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=rf"headstart\[{name}\]"):
        fit(tmp_path / "run", name)
    assert not (tmp_path / "run").exists()


def test_tensorboard_reads_what_was_written(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed (pip install 'headstart[tensorboard]')")
    from tensorboard.backend.event_processing import event_accumulator  # pyright: ignore[reportMissingImports]

    run = fit(tmp_path / "run", "tensorboard")
    events = event_accumulator.EventAccumulator(str(run.folder / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == list(range(1, 13))
    assert [event.step for event in events.Scalars("validation/accuracy")] == [6, 12]
    assert events.Scalars(ACCURACY)[0].value == pytest.approx(run.evaluations["validation"].metrics["accuracy"].value)


@pytest.mark.filterwarnings("ignore")  # of the package's own
def test_mlflow_reads_what_was_sent(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed (pip install 'headstart[mlflow]')")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "store").as_uri()
    run = fit(tmp_path / "run", f"mlflow:uri={uri},experiment=test")
    client = mlflow.MlflowClient(tracking_uri=uri)
    (found,) = client.search_runs([client.get_experiment_by_name("test").experiment_id])
    assert found.info.status == "FINISHED" and found.info.run_name == "run"
    assert found.data.metrics[ACCURACY] == pytest.approx(run.evaluations["validation"].metrics["accuracy"].value)
    assert len(client.get_metric_history(found.info.run_id, "train/loss")) == 12
    assert found.data.params["stages.0.steps"] == "12"
    assert [file.path for file in client.list_artifacts(found.info.run_id)] == ["report.html"]


@pytest.mark.filterwarnings("ignore")  # of the package's own
def test_wandb_writes_a_run_offline(tmp_path):
    pytest.importorskip("wandb", reason="wandb is not installed (pip install 'headstart[wandb]')")
    run = fit(tmp_path / "run", "wandb:mode=offline")
    (folder,) = (run.folder / "wandb").glob("offline-run-*")
    assert b"train/loss" in next(folder.glob("run-*.wandb")).read_bytes()


def test_steps_count_on_over_stages():
    figures = Figures()
    for stage in (0, 1):
        for step in (1, 2, 3):
            got = figures(Event("step", "", {"stage": stage, "step": step, "steps": 3, "loss": 0.5, "lr": 0.1}))
            assert got == {"train/loss": 0.5, "train/lr": 0.1}
    assert figures.step == 6
    assert figures(Event("evaluation", "", {"stage": 1, "step": 3, "accuracy": float("-inf"), "best": False})) == {}
    assert figures(Event("note", "")) == {}


def test_a_recipe_is_flattened():
    plain = hs.Recipe().with_settings({"source.name": "vector:mlp"}).to_plain()
    assert flat(plain)["stages.0.objective.name"] == "supervised"
    assert json.dumps(flat(plain))


def test_a_tracker_is_closed_as_failed_where_a_run_fails(monkeypatch):
    closed = []

    class Fake:
        def open(self):
            return self

        def __call__(self, event):
            closed.append(event.kind)

        def close(self, *, failed):
            closed.append(failed)

    monkeypatch.setattr("headstart.runs.track.plugins.build", lambda *_: Fake())
    with pytest.raises(ValueError), tracked([parse_tracker("fake")], closed.append) as listen:
        listen(event := Event("run", "", {}))
        raise ValueError
    assert closed == [event, "run", True]


@pytest.mark.parametrize("text", ["mlflow:uri", "tensorbord", "wandb:colour=red"])
def test_a_wrong_tracker_is_refused(text):
    with pytest.raises(UsageError), tracked([parse_tracker(text)], lambda event: None):
        pass
