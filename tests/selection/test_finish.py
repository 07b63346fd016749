"""Claim: the same network from random weights is trained beside a search's run only where its budget has the time."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from headstart.core.recipe import Recipe
from headstart.selection import finish


@pytest.mark.parametrize(
    ("asked", "refit", "left", "expected"),
    [
        ("auto", "no", 44.1, "yes"),
        ("auto", "no", 43.9, "no"),
        ("auto", "yes", 44.1, "no"),  # all rows are fitted first
        ("auto", "yes", 57.3, "yes"),
        ("auto", "no", math.inf, "no"),  # what has no budget would pay for a training that nobody asked for
        ("yes", "no", 1.0, "yes"),
        ("no", "no", 100.0, "no"),
    ],
)
def test_time_decides_unless_it_was_asked_for(asked: Any, refit: Any, left: float, expected: str) -> None:
    splits = {"train": range(100), "validation": range(20)}
    begun: Any = SimpleNamespace(dataset=SimpleNamespace(splits=splits))
    trial: Any = SimpleNamespace(seconds=10.0)
    clock: Any = SimpleNamespace(left=left)
    assert finish._scratch(Recipe(scratch=asked), Recipe(refit=refit), trial, begun, clock) == expected
