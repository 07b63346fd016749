"""Sources and tasks for them: small networks on photos, and networks that were trained on other digits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from safetensors.torch import save_file
from sklearn.datasets import load_digits

import headstart as hs
from headstart.core.recipe import Recipe
from headstart.core.seeding import torch_seeded
from headstart.core.storage import sha256
from headstart.inputs.vector import Vector
from headstart.models import timm_backbone

Saver = Callable[..., Path]


@pytest.fixture
def no_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the baselines of tables, which take longer than what they stand beside in these tests."""
    monkeypatch.setattr(Vector, "baselines", classmethod(lambda cls, inputs: ()))


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 45 pictures of three brightnesses."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for place, label in enumerate("abc"):
        (folder / label).mkdir()
        for number in range(15):
            noise = random.integers(0, 60, (40, 40, 3)) + 60 * place
            Pillow.fromarray(noise.astype(np.uint8)).save(folder / label / f"{number}.png")
    return folder


def save(folder: Path, name: str, network: str = "test_vit", size: int = 160, mean: float = 0.5) -> Path:
    """Write a network with random weights, as `local:` reads them."""
    folder.mkdir(exist_ok=True)
    with torch_seeded("saved", name):
        net = timm_backbone.create({"name": network, "options": {}})
    weights = folder / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in net.state_dict().items()}, weights)
    card = {
        "architecture": network,
        "sha256": sha256(weights),
        "input_size": [3, size, size],
        "mean": [mean] * 3,
        "std": [0.5] * 3,
        "interpolation": "bilinear",
    }
    weights.with_suffix(".json").write_text(json.dumps(card))
    return folder / name


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write three networks: two of one size, whose mean differs, and a smaller one."""
    folder = tmp_path_factory.mktemp("zoo")
    save(folder, "vit")
    save(folder, "other", mean=0.4)
    save(folder, "resnet", "test_resnet", size=64)
    return folder


@pytest.fixture
def saved(tmp_path: Path) -> Saver:
    """Write one more network below the test's own folder."""
    return lambda name="vit", **more: save(tmp_path / "own", name, **more)


OLD = 5  # digits below it are the source task, the others the target task
Rows = tuple[np.ndarray, list[str]]


def digits(*, new: bool, rows: int) -> Rows:
    """Take rows of numbers of 64 pixels, and their digits in words."""
    bunch: Any = load_digits()
    pixels, labels = bunch.data, bunch.target
    kept = np.flatnonzero((labels >= OLD) == new)[:rows]
    return (pixels[kept] / 16).astype(np.float32), [f"d{label}" for label in labels[kept]]


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Train two networks on the old digits: one for long, one for a single step."""
    folder, made = tmp_path_factory.mktemp("sources"), []
    for name, steps in (("good", 300), ("poor", 1)):
        settings = {"source.dim": 64, "source.width": 32, "data.test": 0.0}
        run = hs.fit(
            digits(new=False, rows=600),
            source="vector:mlp",
            strategy="full",
            steps=steps,
            lr=3e-3,
            refit="no",
            settings=settings,
            out=folder / name,
            progress=False,
        )
        made.append(f"run:{run.folder}")
    return made


@pytest.fixture
def task() -> Rows:
    """Return rows of the new digits."""
    return digits(new=True, rows=160)


@pytest.fixture
def short() -> Recipe:
    """Return a recipe of few steps."""
    return Recipe().with_settings({"stages.0.steps": 16, "stages.0.lr": 3e-3, "data.test": 0.2, "data.validation": 0.3})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path
