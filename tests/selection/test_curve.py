from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from headstart.selection.curve import extrapolated, looks


def test_a_power_law_is_followed_to_its_end() -> None:
    steps = [10, 20, 40, 80]
    assert extrapolated(steps, [0.3 + 2 / step for step in steps], 800) == pytest.approx(0.3 + 2 / 800, abs=1e-6)


def test_what_rises_or_is_short_stays_where_it_is() -> None:
    assert extrapolated([10, 20, 30], [0.3, 0.4, 0.5], 100) == pytest.approx(0.4)  # as far as a law that falls fits
    assert extrapolated([10, 20], [0.9, 0.4], 100) == 0.4


def test_no_curve_falls_by_more_than_half() -> None:
    assert extrapolated([1, 2, 3], [9.0, 5.0, 1.0], 10**6) == 0.5


def test_what_is_not_finite_is_left_out() -> None:
    assert extrapolated([1, 2], [math.nan, math.inf], 10) == math.inf
    assert extrapolated([1, 2], [math.nan, 0.5], 10) == 0.5


def test_looks_are_read_from_the_log_of_the_stage(tmp_path: Path) -> None:
    lines = [
        {"stage": 1, "step": 4, "validation_loss": 0.5},
        {"stage": 0, "step": 1, "validation_loss": 0.9},
        {"stage": 1, "step": 5},
    ]
    (tmp_path / "log").write_text("\n".join(map(json.dumps, lines)) + '\n{"stage": 1, "st')
    assert looks(tmp_path / "log", 1) == ([4], [0.5])
    assert looks(tmp_path / "none", 1) == ([], [])
