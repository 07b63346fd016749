"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headstart.solvers import boosting


@pytest.fixture(autouse=True, scope="session")
def cheap() -> Iterator[None]:
    """Leave out what takes most of the time of small runs, and is tested by itself.

    Nothing waits for the disk, and the trees that each run on numbers is compared with are few.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setattr(boosting, "MOST_ROUNDS", 20)
        patch.setattr(boosting, "LEAST_ROUNDS", 5)
        yield


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Find a file of the real data and weights, or skip where they are absent."""
    root = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).parents[2] / "shared"))

    def find(relative: str) -> Path:
        path = root / relative
        if not path.exists():
            pytest.skip(f"real data is not here: {relative} (set HEADSTART_SHARED)")
        return path

    return find
