"""Small pictures, and small networks in a folder that pass for pretrained ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from safetensors.torch import save_file

from headstart.core.seeding import torch_seeded
from headstart.core.storage import sha256
from headstart.models import timm_backbone

Saver = Callable[..., Path]


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
