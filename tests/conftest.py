"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


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
