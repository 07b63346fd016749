"""TENT moves norm layers alone, lowers the entropy of the answers, and brings back what a shift of the inputs took."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

import headstart as hs
import toys
from headstart.artifact.tent import tented
from headstart.core.errors import UsageError
from headstart.data.rows import Rows
from headstart.data.transforms import make_transform
from headstart.engine.predict import predict
from headstart.inputs.vector import Vector
from headstart.models.model import Model


def entropy(model: Model, rows: Rows) -> float:
    (shares,) = predict(model, rows, make_transform(model.backbone.card.input)).values()
    return float(-(shares * np.log(shares)).sum(axis=1).mean())


@pytest.mark.parametrize("source", ["timm:test_resnet", "timm:test_vit", "digits:cnn"])
def test_only_norms_move_and_the_answers_are_surer(source: str) -> None:
    backbone = toys.small(source)
    data = toys.dataset(backbone.card.input, rows=128)
    model = toys.make_model(backbone, data).eval()
    with torch.no_grad():
        for weight in model.heads.parameters():
            weight.mul_(20)
    before, rows = toys.snapshot(model), data.pools["target"]
    adapted = tented(model, rows)
    assert all(torch.equal(tensor, toys.snapshot(model)[name]) for name, tensor in before.items()), "it is a copy"
    after = toys.snapshot(adapted)
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    norms = {name for name, module in adapted.named_modules() if "Norm" in type(module).__name__}
    assert moved and {name.rpartition(".")[0] for name in moved} <= norms
    assert any(name.endswith("weight") for name in moved) and not adapted.training
    if not any("running" in name for name in moved):  # else the statistics alone change the answers
        assert entropy(adapted, rows) < entropy(model, rows)


def test_batch_norm_takes_the_statistics_of_the_rows() -> None:
    backbone = toys.small("timm:test_resnet")
    data = toys.dataset(backbone.card.input, rows=128)
    model = toys.make_model(backbone, data)
    first = next(module for module in model.backbone.modules() if isinstance(module, torch.nn.BatchNorm2d))
    rows = data.pools["target"]
    adapted = tented(model, rows)
    mine = next(module for module in adapted.backbone.modules() if isinstance(module, torch.nn.BatchNorm2d))
    seen: list[torch.Tensor] = []
    handle = first.register_forward_hook(lambda module, given, output: seen.append(given[0].detach()))
    predict(model, rows, make_transform(backbone.card.input))
    handle.remove()
    every = torch.cat([part for part in seen if len(part) == 64])  # others ask how the network computes
    assert mine.running_mean is not None and first.running_mean is not None
    assert torch.allclose(mine.running_mean, every.mean(dim=(0, 2, 3)), atol=1e-4)
    assert not torch.allclose(first.running_mean, every.mean(dim=(0, 2, 3)), atol=1e-2)


def test_what_it_cannot_do_is_said() -> None:
    data = toys.dataset(Vector(6))
    with pytest.raises(UsageError, match=r"tent moves the scales of norm layers, and toy:tiny has none"):
        tented(toys.make_model(toys.tiny(), data), data.pools["target"])
    numbers = toys.dataset(Vector(6), "regression")
    with pytest.raises(UsageError, match="tent lowers the entropy of one class a row, and toy:tiny answers otherwise"):
        tented(toys.make_model(toys.tiny(), numbers), numbers.pools["target"])


def test_predictions_adapt_to_their_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Through the command: the answers change, the saved model does not."""
    from headstart.cli.main import main

    random = np.random.default_rng(0)
    for label, level in (("dark", 40), ("light", 150)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(24):
            noise = np.clip(random.normal(level, 40, (32, 32, 3)), 0, 255).astype(np.uint8)
            Pillow.fromarray(noise).save(tmp_path / "photos" / label / f"{number}.png")
    settings: dict[str, Any] = {"stages.0.steps": 3, "source.pretrained": False}
    run = hs.fit(
        tmp_path / "photos",
        source="timm:test_resnet",
        strategy="full",
        settings=settings,
        out=tmp_path / "run",
        progress=False,
    )
    before = (run.folder / "model" / "model.safetensors").read_bytes()
    answers = []
    for more in ([], ["--adapt", "tent"]):
        with pytest.raises(SystemExit) as ended:
            main(["predict", str(run.folder), str(tmp_path / "photos"), *more, "--out", str(tmp_path / "out.csv")])
        assert not ended.value.code
        answers.append((tmp_path / "out.csv").read_text())
    assert answers[0] != answers[1] and len(answers[0].splitlines()) == len(answers[1].splitlines()) == 49
    assert "48 examples adapted the norm layers (tent)" in capsys.readouterr().err
    assert (run.folder / "model" / "model.safetensors").read_bytes() == before
    with pytest.raises(SystemExit):
        main(["predict", str(run.folder), str(tmp_path / "photos"), "--adapt", "tant"])
    assert "Did you mean 'tent'" in capsys.readouterr().err
