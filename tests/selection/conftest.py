"""Sources that were trained on other digits, and a task for which one of them is worth more than the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import headstart as hs
from headstart.core.recipe import Recipe

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
