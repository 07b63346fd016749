"""Tables of an evaluation: each metric with its unit, which says the class where a metric is of one class."""

from __future__ import annotations

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
