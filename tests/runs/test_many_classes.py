"""Claim: with many classes the figures are written without a line for each cell of the confusion matrix."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headstart.core.types import Task
from headstart.runs.evaluate import write_results
from headstart.targets.multiclass import Multiclass


@pytest.mark.parametrize(("classes", "lines"), [(3, 6), (300, 1)])
def test_metrics_of_many_classes_take_one_line(tmp_path: Path, classes: int, lines: int) -> None:
    task = Task("vector", ("x",), {"target": Multiclass(("y",), tuple(f"c{place}" for place in range(classes)))})
    metrics: Any = {"test": SimpleNamespace(to_plain=lambda: {"confusion": [0]})}
    write_results(tmp_path, task, metrics, {}, {})
    text = (tmp_path / "metrics.json").read_text()
    assert json.loads(text) == {"test": {"confusion": [0]}}
    assert len(text.splitlines()) == lines + (lines > 1)
