"""Back to Keras: the file that is written answers as the saved model does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headstart as hs
import toys
from headstart.cli.main import main
from headstart.core.errors import UsageError
from headstart.models.keras.back import keras_model
from headstart.models.keras.backend import import_keras
from headstart.models.load import load_source
from models.keras.nets import SIDE, number_model, picture_model


def pictures(rows: int = 60) -> tuple[list[Any], np.ndarray]:
    labels = np.arange(rows) % 3
    noise = np.random.default_rng(0).integers(0, 60, (rows, SIDE, SIDE, 3))
    return list((noise + 60 * labels[:, None, None, None]).astype(np.uint8)), labels


@pytest.mark.parametrize(
    ("strategy", "head"),
    [
        ("full", "linear"),
        pytest.param("linear_probe", "linear", marks=pytest.mark.slow),
        pytest.param("lora", "mlp hidden=8", marks=pytest.mark.slow),
    ],
)
def test_a_classifier_of_pictures(strategy: str, head: str, tmp_path: Path) -> None:
    picture_model().save(tmp_path / "small.keras")
    x, y = pictures()
    settings: dict[str, Any] = {"device": "cpu", "refit": "no", "keep_better": "no"}
    if strategy != "linear_probe":
        settings["stages.0.steps"] = 4
    source = f"keras:{tmp_path / 'small.keras'}"
    run = hs.fit((x, y), source=source, strategy=strategy, head=head, settings=settings, out=tmp_path / "run")
    path = hs.export(tmp_path / "run", to="keras")
    model = import_keras().models.load_model(path)
    shown = np.stack(x[:9]).astype(np.float32) / 255  # the file's model is told by nothing how pixels come: 0 to 1
    with torch.no_grad():
        assert np.abs(np.asarray(model(shown)) - run.predict_proba(x[:9])).max() < 1e-5
    about = json.loads(path.with_name("model.keras.json").read_text())
    assert (
        about["targets"]["target"]["classes"] == ["0", "1", "2"]
        and about["channels"] == "as they are"
        and about["input"]["std"] == [1.0, 1.0, 1.0]
    )
    assert hs.load(tmp_path / "run").predict(x[:3]) == run.predict(
        x[:3]
    )  # what is beside the model is not taken for it
    again = hs.source(f"keras:{path}")
    assert again.dim == (8 if head != "linear" else 12)


def test_probabilities_are_calibrated(tmp_path: Path) -> None:
    number_model().save(tmp_path / "numbers.keras")
    backbone = load_source(f"keras:{tmp_path / 'numbers.keras'}")
    model = toys.make_model(backbone, toys.dataset(backbone.card.input)).eval()
    x = torch.randn(5, 6)
    with torch.no_grad():
        model.heads["target"].trunk.weight.mul_(100)  # pyright: ignore
        wanted = (model.heads["target"](backbone(x)) / 2.5).softmax(1)
        assert torch.allclose(keras_model(model, {"target": 2.5})(x), wanted, atol=1e-5)
        assert not torch.allclose(keras_model(model, {})(x), wanted, atol=1e-2)


def test_values_come_in_their_own_unit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number_model().save(tmp_path / "numbers.keras")
    x = np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32)
    y = 1000 + 50 * x[:, 0]
    settings = {"device": "cpu", "refit": "no", "keep_better": "no"}
    words: dict[str, Any] = {"strategy": "linear_probe", "settings": settings, "out": tmp_path / "run"}
    run = hs.fit((x, y), source=f"keras:{tmp_path / 'numbers.keras'}", **words)
    with pytest.raises(SystemExit, match="0"):
        main(["export", str(tmp_path / "run"), "--to", "keras", "--out", str(tmp_path / "back.keras")])
    assert "Written: " in capsys.readouterr().out
    model = import_keras().models.load_model(tmp_path / "back.keras")
    with torch.no_grad():
        found = np.asarray(model(x[:9]))[:, 0]
    assert np.allclose(found, run.predict(x[:9]), rtol=1e-5) and found.min() > 800


def test_what_cannot_go_back_says_why(tmp_path: Path) -> None:
    picture_model().save(tmp_path / "small.keras")
    x, y = pictures(30)
    words: dict[str, Any] = {"strategy": "linear_probe", "settings": {"device": "cpu"}}
    source = f"keras:{tmp_path / 'small.keras'}"
    hs.fit((x, y), source=source, surgery=["remove layers=block2_act"], out=tmp_path / "cut", **words)
    with pytest.raises(UsageError, match=r"was changed \(remove\)"):
        hs.export(tmp_path / "cut")
    hs.fit((x, y), source="digits:cnn", out=tmp_path / "other", **words)
    with pytest.raises(UsageError, match="no model of Keras"):
        hs.export(tmp_path / "other")
    with pytest.raises(UsageError, match=r"end in \.keras"):
        hs.export(tmp_path / "other", out=tmp_path / "net.h5")
    with pytest.raises(UsageError, match="onnxx"):
        hs.export(tmp_path / "other", to="onnxx")
