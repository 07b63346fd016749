"""Tables of an evaluation: each metric with its unit, which says the class where a metric is of one class."""

from __future__ import annotations

import re

import numpy as np
import pytest

from headstart.cli.results import show_evaluations
from headstart.cli.show import Show
from headstart.core.types import Task
from headstart.evaluation.metrics import evaluate


@pytest.mark.parametrize(("kind", "said"), [("binary", "0 to 1, of 'bee'"), ("multilabel", "0 to 1")])
def test_a_class_is_named_only_where_the_metric_is_of_it(kind: str, said: str, capsys) -> None:
    y = np.array([0, 1, 1, 0])
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])
    task = Task.of("vector", kind, ("x",), ("label",), ("ant", "bee"))
    evaluation = evaluate(task.target, y if kind == "binary" else np.eye(2)[y], p, resamples=0)
    show_evaluations(Show(), {"test": evaluation})
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if line.startswith("average_precision"))
    assert row.rstrip().endswith(said)


def a_table(show: Show, columns: tuple[str, ...], *rows: tuple[str, ...]) -> None:
    show.table("3 predictions", columns, rows, words="input")


def test_a_terminal_keeps_answers_whole_and_the_ends_of_long_names(monkeypatch, capsys) -> None:
    name = f"/a/{'long/' * 20}picture.jpg"
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    a_table(Show(), ("example", "prediction", "probability"), (name, "a bee", "0.907"))
    row = next(line for line in capsys.readouterr().out.splitlines() if "picture.jpg" in line)
    assert row.startswith("…") and "a bee" in row and "0.907" in row and len(row) <= 60
    a_table(Show(), ("input", "prediction"), (f"First, {'some more ' * 9}", "yes"))
    told = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert "First, some more" in told and "…" not in told and max(map(len, told.splitlines())) <= 60


def test_a_file_gets_a_table_at_its_full_width(monkeypatch, capsys) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    name = f"/a/{'long/' * 40}picture.jpg"
    a_table(Show(), ("example", "prediction", "probability"), (name, "a bee", "0.907"))
    assert any(name in line and "a bee" in line and "0.907" in line for line in capsys.readouterr().out.splitlines())
