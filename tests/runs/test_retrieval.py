"""A run of retrieval from a folder of classes: what is told, measured and saved, and what it goes on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import headstart as hs
import toys
from headstart.core.errors import UsageError
from headstart.core.recipe import Recipe, Stage
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event
from headstart.models.model import Head, Model
from headstart.runs.folds import cross_validate

CLASSES = 12


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of 12 patterns, 24 of each with noise."""
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    patterns = random.integers(0, 2, (CLASSES, 7, 7)) * 90.0
    for number, pattern in enumerate(patterns):
        (folder / f"pattern_{number}").mkdir()
        for place in range(24):
            noisy = np.kron(pattern, np.ones((4, 4))) + random.normal(90, 60, (28, 28))
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"pattern_{number}" / f"{place}.png")
    return folder


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> hs.Run:
    out = tmp_path_factory.mktemp("run") / "run"
    settings = {"stages.0.steps": 20, "data.validation": 0.2}
    return hs.fit(pictures, source="digits:cnn", task="retrieval", settings=settings, out=out)


def test_new_classes_are_looked_for_beside_the_features_as_they_are(run: hs.Run) -> None:
    found = run.evaluations["test"]
    assert found.primary == "recall_at_1" and {*found.metrics} == {
        "recall_at_1",
        "recall_at_5",
        "recall_at_10",
        "map_at_r",
    }
    assert all(each.low is not None and each.low <= (each.value or 0) for each in found.metrics.values())
    assert run.gain is not None and [each.name for each in run.gain.baselines] == ["features"]
    assert {"validation", "test"} <= {*run.gain["features"].metrics}
    assert run.recipe.head.name == "embedding"
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "retrieval, image input" in page and "Recall at 1" in page.replace("recall at 1", "Recall at 1")


def test_the_saved_model_gives_the_same_figures_and_embeddings_of_length_1(run: hs.Run, pictures: Path) -> None:
    assert hs.evaluate(run.folder).evaluations["test"] == run.evaluations["test"]
    vectors = np.array(hs.load(run.folder).predict(pictures))
    assert vectors.shape[0] == CLASSES * 24 and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_new_rows_of_classes_that_no_split_had_are_measured(run: hs.Run, pictures: Path, tmp_path: Path) -> None:
    for number in (0, 1):
        (tmp_path / f"other_{number}").mkdir()
        for place in range(4):
            picture = pictures / f"pattern_{number}" / f"{place}.png"
            (tmp_path / f"other_{number}" / f"{place}.png").write_bytes(picture.read_bytes())
    assert hs.evaluate(run.folder, tmp_path).evaluations["test"].rows == 8


def test_the_embedding_is_the_features_at_the_start() -> None:
    data = toys.dataset(toys.tiny().card.input, "retrieval")
    head: Head = toys.make_model(toys.tiny(), data, "embedding").head
    features = torch.from_numpy(data.splits["train"].inputs[:, :5])
    assert np.allclose(head({"pooled": features}).detach().numpy(), features.numpy())


@pytest.mark.parametrize("strategy", ["full", "partial", "linear_probe", "lora"])
@pytest.mark.parametrize("objective", ["supervised", "triplet"])
def test_it_goes_on_after_a_stop_as_if_there_was_none(tmp_path: Path, strategy: str, objective: str) -> None:
    data, stage = toys.dataset(toys.source("vector:mlp").card.input, "retrieval"), Stage(steps=8, batch_size=8, lr=1e-2)

    def fresh() -> Model:
        return toys.make_model(toys.source("vector:mlp"), data, "embedding")

    whole = fresh()
    start = toys.snapshot(whole)
    toys.train(tmp_path / "whole", whole, data, strategy, objective, stage=stage)
    assert toys.moved(start, whole)
    stop = Stop()

    def listen(event: Event) -> None:
        if event.kind == "step" and event.values["step"] >= 4:
            stop.signal = 15

    with pytest.raises(Stopped):
        toys.train(tmp_path / "cut", fresh(), data, strategy, objective, stage=stage, stop=stop, listen=listen)
    again = fresh()
    toys.train(tmp_path / "cut", again, data, strategy, objective, stage=stage, resume=True)
    assert toys.moved(toys.snapshot(whole), again) == set()


def test_what_has_no_meaning_for_embeddings_is_refused(pictures: Path, tmp_path: Path) -> None:
    given: Any = {"source": "digits:cnn", "out": tmp_path / "run", "settings": {"stages.0.steps": 1}}
    with pytest.raises(UsageError, match="Repeat the run with other seeds"):
        cross_validate(pictures, Recipe().with_settings({"data.task": "retrieval", "source": "digits:cnn"}), k=3)
    table = tmp_path / "two.csv"
    table.write_text("a,b,who,kind\n" + "".join(f"{n}.5,{n % 7}.25,p{n // 10},{'xy'[n % 2]}\n" for n in range(200)))
    two = {"data.targets.who.labels": "who", "data.targets.who.task": "retrieval", "data.targets.kind.labels": "kind"}
    with pytest.raises(UsageError, match="such a target is learnt alone"):
        hs.fit(table, source="vector:mlp", settings={**two, "stages.0.steps": 1}, out=tmp_path / "two")
    with pytest.raises(UsageError, match="'triplet'"):
        hs.fit(pictures, objective="triplet", **given)
    with pytest.raises(UsageError, match="embedding needs a target of embeddings"):
        hs.fit(pictures, head="embedding", **given)
