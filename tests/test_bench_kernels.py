"""What bench/kernels.py measures with: processor seconds by name, each for the innermost."""

from __future__ import annotations

import importlib
import runpy
import time
from functools import reduce
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def tools() -> dict[str, Any]:
    """Load the module, which is no part of the package."""
    return runpy.run_path(str(Path(__file__).parents[1] / "bench/kernels.py"))


def test_all_that_is_watched_is_there(tools: dict[str, Any]) -> None:
    for place in [
        place for group in (tools["COMPUTING"], tools["AROUND"]) for places in group.values() for place in places
    ]:
        module, _, path = place.partition(":")
        assert callable(reduce(getattr, path.split("."), importlib.import_module(f"headstart.{module}"))), place


def test_a_second_counts_for_the_innermost(tools: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def work(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "process_time", lambda: now)
    watch = tools["Watch"]()
    inner = watch.over("inner", work)

    def both() -> None:
        work(1)
        inner(2)
        work(4)

    watch.over("outer", both)()
    inner(8)
    work(16)
    assert watch.spent == {"outer": 5, "inner": 10}
