"""Claim: of a run no pass without gradient is made twice, and each is the folded one: counted in forward passes."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import headstart as hs
from headstart.core.seeding import torch_seeded
from headstart.core.storage import sha256
from headstart.features import frozen
from headstart.models import timm_backbone
from headstart.models.model import Backbone
from headstart.runs import network
from headstart.runs.fit import fit
from headstart.runs.folds import cross_validate

SIZES = {"train": 40, "validation": 36, "test": 44}
ROWS = sum(SIZES.values())
POOLS = len(SIZES)


class Passes:
    """Counts the examples that backbones compute: with and without gradients, and by whether norms are folded."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def __call__(self, module: Any, given: Any, _: Any) -> None:
        learnt = isinstance(module, Backbone) and next(module.parameters(), None) is not None  # not a histogram
        if learnt and torch.is_inference_mode_enabled():
            norms = any(isinstance(part, torch.nn.BatchNorm2d) for part in module.modules())
            self.seen["plain" if norms else "folded"] += len(given[0])

    @property
    def all(self) -> int:
        return self.seen.total()


@pytest.fixture
def passes() -> Iterator[Passes]:
    counted = Passes()
    handle = torch.nn.modules.module.register_module_forward_hook(counted)
    yield counted
    handle.remove()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write pictures of two classes, dark and bright, in three splits."""
    root = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for split, count in SIZES.items():
        for number in range(count):
            place = root / split / ("dark", "bright")[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 120, (24, 24, 3)) + 120 * (number % 2)
            Image.fromarray(pixels.astype(np.uint8)).save(place / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Save a network with batch norms, to start from."""
    stem = tmp_path_factory.mktemp("source") / "net"
    with torch_seeded("net"):
        net = timm_backbone.create({"name": "test_resnet", "options": {}})
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, f"{stem}.safetensors")
    card = {"architecture": "test_resnet", "sha256": sha256(Path(f"{stem}.safetensors")), "input_size": [3, 32, 32]}
    card |= {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear"}
    Path(f"{stem}.json").write_text(json.dumps(card))
    return f"local:{stem}"


def recipe(source: str, **settings: object) -> hs.Recipe:
    return hs.Recipe().with_settings({"source": source, "stages.0.strategy": "linear_probe", **settings})


@pytest.mark.parametrize("refit", ["no", "yes"])
def test_a_probe_computes_each_picture_once(
    tmp_path: Path, pictures: Path, source: str, passes: Passes, refit: str
) -> None:
    """Nothing but the two pictures that folding compares on, at each pass over rows that are new, is computed twice."""
    run = fit(pictures, recipe(source, refit=refit), out=tmp_path / "run")
    assert set(run.evaluations) == {"validation", "test"}
    assert passes.seen["folded"] <= ROWS + 2 * POOLS and passes.seen["plain"] <= 2 * POOLS
    assert passes.seen["folded"] >= ROWS


@pytest.mark.parametrize("strategy", ["linear_probe", "full"])
def test_what_a_run_says_is_what_its_saved_model_gives(
    tmp_path: Path, pictures: Path, source: str, passes: Passes, strategy: str
) -> None:
    """What moves the backbone looks at validation once an epoch; the map costs a pass before, and none after.

    The baselines cost one over the rows that the map has not.
    """
    steps = {
        "stages.0.strategy": strategy,
        "stages.0.optimiser": "adamw",
        "stages.0.epochs": 2,
        "stages.0.augment": "plain",
    }
    fit(pictures, recipe(source, refit="no", **steps), out=tmp_path / "run")
    if strategy == "full":
        looks, map_before, test = 2 * SIZES["validation"], SIZES["test"], SIZES["test"]
        baselines = SIZES["train"] + SIZES["validation"]
        assert passes.seen["folded"] == looks + map_before + test + baselines + 2 * 6
    said = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    for split in ("validation", "test"):
        part = said[said["split"] == split]
        found = hs.load(tmp_path / "run").predict_proba([str(pictures / row) for row in part["id"]])
        columns = [column for column in part if str(column).startswith("p:")]
        assert np.abs(np.asarray(part[columns]) - found).max() < 2e-6


def test_to_evaluate_and_to_predict_compute_each_picture_once(
    tmp_path: Path, pictures: Path, source: str, passes: Passes
) -> None:
    fit(pictures, recipe(source, refit="no"), out=tmp_path / "run")
    passes.seen.clear()
    hs.evaluate(tmp_path / "run")
    assert passes.seen == {"folded": SIZES["validation"] + SIZES["test"] + 2, "plain": 2}
    passes.seen.clear()
    hs.load(tmp_path / "run").predict(sorted(map(str, pictures.glob("*/*/*.png"))))
    assert passes.seen == {"folded": ROWS + 2, "plain": 2}


@pytest.mark.slow  # folds
def test_folds_of_a_backbone_that_stays_compute_each_picture_once(
    tmp_path: Path, pictures: Path, source: str, passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model of all rows and every fold share one pass: only its report's few pictures are computed beside it."""
    loads: list[str] = []

    def counted(name: str, options: Any) -> Any:
        loads.append(name)
        return real(name, options)

    real = network.load_source
    monkeypatch.setattr(network, "load_source", counted)
    found = cross_validate(pictures, recipe(source), k=5, out=tmp_path / "run")
    assert passes.seen["folded"] <= ROWS + 2 * POOLS and passes.seen["plain"] <= 2 * POOLS
    assert loads.count(source) == 1
    folds = sorted((tmp_path / "run" / "folds").glob("0-*"))
    assert len(folds) == 5 and found.out_of_fold.rows == SIZES["train"] + SIZES["validation"]
    for fold in folds:
        assert json.loads((fold / "state.json").read_text())["status"] == "finished"
        assert not (fold / "report.html").exists() and not (fold / "model").exists()


SLOW = pytest.mark.slow


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    ["nothing", pytest.param("weights", marks=SLOW), pytest.param("preprocessing", marks=SLOW), "a row"],
)
def test_a_later_run_computes_only_what_changed(
    tmp_path: Path, pictures: Path, source: str, passes: Passes, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(frozen, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(frozen, "LEAST_GAIN", 0.0)
    data = shutil.copytree(pictures, tmp_path / "data")
    first = fit(data, recipe(source), out=tmp_path / "first")
    monkeypatch.chdir(tmp_path)
    stem = shutil.copytree(Path(source.removeprefix("local:")).parent, tmp_path / "source") / "net"
    card = json.loads(stem.with_suffix(".json").read_text())
    if changed == "weights":
        tensors = load_file(stem.with_suffix(".safetensors"))
        tensors = {name: tensor * 1.01 if tensor.ndim > 1 else tensor for name, tensor in tensors.items()}
        save_file(tensors, stem.with_suffix(".safetensors"))
        card["sha256"] = sha256(stem.with_suffix(".safetensors"))
    elif changed == "preprocessing":
        card["mean"] = [0.4] * 3
    elif changed == "a row":
        Image.new("RGB", (24, 24)).save(data / "test" / "dark" / "0.png")
    stem.with_suffix(".json").write_text(json.dumps(card))
    passes.seen.clear()
    second = fit(data, recipe(f"local:{stem}" if changed in ("weights", "preprocessing") else source))
    if changed == "nothing":
        assert passes.all == 0
        said, again = (pd.read_parquet(run.folder / "predictions.parquet") for run in (first, second))
        pd.testing.assert_frame_equal(said, again)
        cross_validate(data, recipe(source), k=3)
        assert passes.all == 0
    elif changed == "a row":
        assert passes.all == 1
    else:
        assert passes.seen["folded"] >= ROWS


def test_processor_time_starts_with_the_process(tmp_path: Path, pictures: Path, source: str) -> None:
    """What was spent before the run, on imports and on reading, is in the report."""
    before = sum(os.times()[:4])
    fit(pictures, recipe(source), out=tmp_path / "run")
    told = json.loads((tmp_path / "run" / "report.json").read_text())["cost"]["cpu_seconds"]
    assert before < told <= sum(os.times()[:4])
