"""headstart cache: what it lists, and what it removes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from headstart.cli.main import app
from headstart.features.cache import GB, Cache, shelves


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for age, name in enumerate(("late", "early")):
        values = [(torch.zeros(1000),)]
        Cache(GB, print).table(name, f"the {name} one", [bytes(32)], 1, lambda places, rows=values: [(places, rows)])
        about = shelves()[-1].folder.parent / name / "about.json"
        then = time.time() - 1000 * age
        os.utime(about, (then, then))


def run(*arguments: str) -> str:
    found = CliRunner().invoke(app, ["cache", *arguments])
    assert found.exit_code == 0, found.output
    return found.output


@pytest.mark.usefixtures("filled")
def test_it_lists_what_is_kept() -> None:
    shown = run("list")
    assert "the late one" in shown
    assert "headstart cache prune" in shown
    assert [each["rows"] for each in json.loads(run("list", "--json").splitlines()[-1])["cache"]] == [1, 1]


@pytest.mark.usefixtures("filled")
def test_prune_removes_what_was_used_longest_ago() -> None:
    one = shelves()[0].bytes
    assert "1 of 2 stay" in run("prune", "--keep-gb", str(1.5 * one / GB))
    assert [shelf.about for shelf in shelves()] == ["the late one"]
    assert "0 of 1 stay" in run("prune")
    assert "No features are kept" in run()


def test_another_word_is_refused() -> None:
    found = CliRunner().invoke(app, ["cache", "purge"])
    assert found.exit_code != 0
