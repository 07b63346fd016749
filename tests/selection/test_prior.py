from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headstart.selection.prior import read_prior


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def keep(folder: Path, modality: str = "text", **gains: float) -> None:
    plain: dict[str, Any] = {"modality": modality, "gains": [{"method": m, "gain": g} for m, g in gains.items()]}
    folder.mkdir(parents=True)
    (folder / "search.json").write_text(json.dumps(plain))


def test_nothing_is_known_at_first(runs: Path) -> None:
    assert read_prior("text", runs / "a") == ([], "")


def test_methods_are_ordered_by_their_mean_gain_on_data_of_the_modality(runs: Path) -> None:
    keep(runs / "a", full=0.1, lora=0.2)
    keep(runs / "b", full=0.5)
    keep(runs / "c", "image", lora=0.9)
    methods, said = read_prior("text", runs / "mine")
    assert methods == ["full", "lora"]
    assert "full +0.300 (2), lora +0.200 (1)" in said


def test_the_own_record_and_torn_ones_are_left_out(runs: Path) -> None:
    keep(runs / "mine", full=0.1)
    (runs / "torn").mkdir()
    (runs / "torn/search.json").write_text('{"modality": "te')
    assert read_prior("text", runs / "mine").methods == []
