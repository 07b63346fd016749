"""The first model of a search is there early, and leaves alone a run that has begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headstart.core.offer import Offer
from headstart.core.recipe import Recipe
from headstart.core.types import silent
from headstart.runs.folder import MODEL, SEARCH
from headstart.runs.state import RunState
from headstart.selection.finish import FIRST, keep_first
from headstart.selection.found import Found


class Setup:
    listen = staticmethod(silent)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """Write a search whose first model was fitted, and return its folder."""
    place = tmp_path / SEARCH / FIRST
    (place / MODEL).mkdir(parents=True)
    (place / MODEL / "weights").write_text("of the first model")
    RunState({}, "", [], {}, status="finished").write(place)
    return tmp_path


def keep(folder: Path) -> None:
    setup: Any = Setup()  # the model is fitted already: nothing else is asked of it, and no data either
    begun: Any = None
    keep_first(begun, Recipe(), Found(Offer("vector:mlp")), folder, setup)


def test_the_first_model_becomes_the_folders_own(first: Path) -> None:
    keep(first)
    assert (first / MODEL / "weights").read_text() == "of the first model"


def test_a_run_that_has_begun_without_a_model_keeps_its_folder(first: Path) -> None:
    """Killed while it puts a baseline in the place of its model, a run has none for a moment."""
    RunState({}, "", [], {}, status="trained").write(first)
    keep(first)
    assert not (first / MODEL).exists()
