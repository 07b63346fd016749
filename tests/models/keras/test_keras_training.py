"""Training in Headstart and in Keras: the same losses, the file's penalties and its frozen layers."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import DataConversionWarning

import headstart as hs
import toys
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.core.types import Tuning
from headstart.engine.penalties import penalties
from headstart.features.staged import stage
from headstart.features.tracing import trace
from headstart.models.keras.backend import import_keras
from headstart.models.load import load_source
from headstart.objectives._naming import Naming
from models.keras.nets import SIDE, number_model, picture_model, shaken

STEPS, ROWS = 20, 16


@pytest.fixture(scope="module")
def file(tmp_path_factory: Any) -> Path:
    path = tmp_path_factory.mktemp("keras") / "small.keras"
    picture_model().save(path)
    return path


def test_the_penalties_of_the_file_are_kept(file: Path) -> None:
    backbone = load_source(f"keras:{file}")
    conv: Any = backbone.get_submodule("net.block1.block1_conv1.conv")
    wanted = 0.01 * conv.weight.square().sum() + 0.1 * conv.bias.abs().sum()  # Keras' "l2" is 0.01
    found = penalties(Tuning([]), list(backbone.parameters()), Stage(), (), backbone)
    assert found.keys() == {"regularisers"} and torch.allclose(found["regularisers"], wanted)
    assert penalties(Tuning([]), [conv.weight], Stage(), (), backbone)["regularisers"] < wanted
    assert penalties(Tuning([]), list(backbone.net.block3_conv.parameters()), Stage(), (), backbone) == {}  # pyright: ignore
    assert "1 layer with penalties of its own" in backbone.card.source_task


def test_full_follows_the_loss_of_keras(tmp_path: Path) -> None:
    """The same start, order, rate and SGD for 20 steps: the losses of Keras' fit are met to 1e-5."""
    keras = import_keras()
    model = picture_model()
    kept = keras.Model(model.inputs[0], model.get_layer("avg_pool").output)
    top = keras.layers.Dense(3, activation="softmax", name="new")
    whole = shaken(keras.Model(kept.inputs[0], top(kept.output)))
    whole.save(tmp_path / "start.keras")
    backbone = load_source(f"keras:{tmp_path / 'start.keras'}").train()
    assert backbone.source_classifier is not None
    weight, bias = backbone.source_classifier
    head = torch.nn.Linear(backbone.dim, 3)
    with torch.no_grad():
        head.weight.copy_(weight)
        assert bias is not None
        head.bias.copy_(bias)
    rng = np.random.default_rng(0)
    x = rng.random((STEPS * ROWS, SIDE, SIDE, 3)).astype(np.float32)
    y = rng.integers(0, 3, STEPS * ROWS)
    losses: list[float] = []
    whole.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy")
    for step in range(STEPS):
        rows = slice(step * ROWS, (step + 1) * ROWS)
        losses.append(float(whole.train_on_batch(x[rows], y[rows])))
    learning = [*backbone.parameters(), *head.parameters()]
    optimiser = torch.optim.SGD(learning, 0.05)
    own: list[float] = []
    for step in range(STEPS):
        rows = slice(step * ROWS, (step + 1) * ROWS)
        out = head(backbone(torch.from_numpy(x[rows]).permute(0, 3, 1, 2))["pooled"])
        loss = torch.nn.functional.cross_entropy(out, torch.from_numpy(y[rows]))
        loss = loss + penalties(Tuning([]), learning, Stage(), (), backbone)["regularisers"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        own.append(loss.item())
    assert np.abs(np.array(own) - losses).max() < 1e-5 and np.ptp(losses) > 0.05


QUICK = {("full", "supervised"), ("lora", "supervised"), ("linear_probe", "supervised"), ("full", "dann")}
PAIRS = [(strategy, "supervised") for strategy in plugins.names("strategies")]
PAIRS += [("full", objective) for objective in plugins.names("objectives") if objective != "supervised"]


@pytest.mark.parametrize(
    ("strategy", "objective"),
    [pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.slow) for pair in PAIRS],
)
def test_strategies_and_objectives_work_with_it(strategy: str, objective: str, file: Path, tmp_path: Path) -> None:
    backbone = load_source(f"keras:{file}")
    what = plugins.build("objectives", objective, {})
    data = toys.with_pools(toys.dataset(backbone.card.input, toys.kind_for(what)), what)
    model = toys.make_model(backbone, data)
    try:
        outcome = toys.train(tmp_path, model, data, strategy, objective, stage=Stage(steps=3, batch_size=8, lr=1e-3))
    except UsageError as error:
        said = str(error)
        if isinstance(what, Naming):  # it hides tokens, and pictures have none
            assert "cannot show image input" in said or "a network that embeds tokens" in said
            return
        assert said.startswith(f"{objective} needs") or f"{strategy} needs" in said or "labelled rows" in said
        assert strategy != "full" or "labelled rows" in said
        return
    assert outcome.steps == 3
    assert all(torch.isfinite(tensor).all() for tensor in toys.snapshot(model).values())


def pictures(rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(rows) % 3
    noise = np.random.default_rng(0).integers(0, 60, (rows, SIDE, SIDE, 3))
    return (noise + 60 * labels[:, None, None, None]).astype(np.uint8), labels


@pytest.mark.parametrize("strategy", [pytest.param("full", marks=pytest.mark.slow), "linear_probe"])
def test_a_run_saves_a_model_that_needs_the_file_no_more(strategy: str, file: Path, tmp_path: Path) -> None:
    source = tmp_path / "copy.keras"
    source.write_bytes(file.read_bytes())
    x, y = pictures()
    settings = {"device": "cpu", "stages.0.steps": 4} if strategy == "full" else {"device": "cpu"}
    made = hs.fit((list(x), y), source=f"keras:{source}", strategy=strategy, settings=settings, out=tmp_path / "run")
    source.unlink()
    again = hs.load(tmp_path / "run")
    assert again.model.backbone.card.architecture["model"]["config"]["name"] == "small"
    wanted, found = made.predict_proba(list(x[:6])), again.predict_proba(list(x[:6]))
    assert np.array_equal(wanted, found)


def test_what_the_file_does_not_let_learn_stays_bit_identical(tmp_path: Path) -> None:
    number_model().save(tmp_path / "numbers.keras")
    backbone = load_source(f"keras:{tmp_path / 'numbers.keras'}")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(model)
    toys.train(tmp_path, model, data, "full", stage=Stage(steps=3, batch_size=8, lr=1e-2))
    moved = {name for name in toys.moved(before, model) if name.startswith("backbone")}
    assert not any(".one." in name for name in moved) and any(".two." in name for name in moved)


@pytest.mark.parametrize("foreign", [False, True])
def test_the_frozen_part_is_found_on_the_graph(foreign: bool, tmp_path: Path) -> None:
    """Blocks that do not learn are a constant: what comes after them gives the same on what is kept."""
    keras = import_keras()
    inputs = x = keras.Input((SIDE, SIDE, 3))
    for name in ("block1", "block2", "block3"):
        x = keras.layers.Conv2D(64, 3, padding="same", strides=2, name=f"{name}_conv")(x)
        x = (keras.layers.GroupNormalization(2) if foreign else keras.layers.BatchNormalization())(x)
    model = shaken(keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x)))
    model.save(tmp_path / "net.keras")
    backbone = load_source(f"keras:{tmp_path / 'net.keras'}").eval()
    last = backbone.stages()["block3_conv"]
    for name, parameter in backbone.named_parameters():
        parameter.requires_grad_(name in last)
    learning = [parameter for parameter in backbone.parameters() if parameter.requires_grad]
    x = torch.rand(4, 3, SIDE, SIDE)
    found = (stage if foreign else trace)(backbone, x, learning, tokens=False, **({} if foreign else {"free": False}))
    kept = [value.detach() for value in found.before(x)]
    assert len(kept) == 1 and found.share > 0.3
    again, whole = found.after(x, kept, training=False)["pooled"], backbone(x)["pooled"]
    assert torch.allclose(again, whole, atol=1e-6)


@pytest.mark.parametrize("scale", [1, 255])
def test_the_estimator_takes_arrays_in_the_layout_of_keras(scale: int, file: Path) -> None:
    x, y = pictures()
    shown = x if scale == 255 else (x / np.float32(255)).astype(np.float32)
    settings = {"device": "cpu", "keep_better": "no"}
    model = hs.HeadstartClassifier(f"keras:{file}", strategy="linear_probe", settings=settings)
    said = nullcontext() if scale == 255 else pytest.warns(DataConversionWarning, match="from 0 to 1")
    with said:
        assert np.mean(model.fit(shown, y).predict(shown) == y) > 0.8


def test_penalties_of_other_layers_are_kept_and_those_of_other_kinds_are_told(tmp_path: Path) -> None:
    keras = import_keras()
    inputs = x = keras.Input((8, 8, 3))
    x = keras.layers.Conv2DTranspose(4, 3, kernel_regularizer=keras.regularizers.L1L2(0.1, 0.2), name="up")(x)
    x = keras.layers.Conv2D(4, 3, kernel_regularizer="orthogonal_regularizer", name="turned")(x)
    x = keras.layers.Conv2D(4, 3, activity_regularizer="l2", name="quiet")(x)
    shaken(keras.Model(inputs, x)).save(tmp_path / "net.keras")
    backbone = load_source(f"keras:{tmp_path / 'net.keras'}")
    assert (
        "not kept: turned, quiet" in backbone.card.source_task and "1 layer with penalties" in backbone.card.source_task
    )
    kernel: Any = next(p for p in backbone.get_submodule("net.up").parameters() if p.ndim == 4)
    wanted = 0.1 * kernel.abs().sum() + 0.2 * kernel.square().sum()
    found = penalties(Tuning([]), list(backbone.parameters()), Stage(), (), backbone)
    assert torch.allclose(found["regularisers"], wanted)
