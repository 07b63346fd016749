"""Facts of runs that never were, of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from headstart.core.recipe import Choice, DataPlan, Recipe, Stage
from headstart.core.types import Card, Task
from headstart.evaluation.calibrate import Calibration
from headstart.evaluation.metrics import evaluate
from headstart.evaluation.report.facts import Arrays, Facts
from headstart.inputs.image import Image
from headstart.models.cards import card_to_plain

MakeFacts = Callable[..., Facts]


@pytest.fixture
def make_facts(make) -> MakeFacts:
    """Make facts of a task's kind with rows and classes; `name` is in every label, id and text."""

    def build(kind: str, rows: int, width: int, *, name: str = "class", steps: int = 60) -> Facts:
        task, y, p = make(kind, rows, width)
        names = tuple(f"{name} {i}" for i in range(width))
        task = Task.of(
            "image", kind, ("image",), names if kind == "regression" else (name,), names if task.classes else ()
        )
        plain = evaluate(task, y, p, resamples=20).to_plain()
        if task.classes:
            plain["uncalibrated"] = {"log_loss": 0.5}
        history: list[dict[str, Any]] = [
            {
                "stage": 0,
                "step": step,
                "seconds": 0.1 * step,
                "lr": 1e-3,
                "loss": 1 / step,
                "losses": {"task": 1 / step},
            }
            for step in range(1, steps + 1)
        ]
        history += [
            {"stage": 0, "step": step, "seconds": 1.0, plain["primary"]: 0.5} for step in range(1, steps + 1, 5)
        ]
        history.append({"stage": 0, "step": steps, "seconds": 1.0, plain["primary"]: float("-inf")})
        rng = np.random.default_rng(0)
        card = Card("local:net", "net", 1000, Image(32, 32), "local", {}, source_task=name, licence="mit")
        places = rng.normal(size=(40, 2)).tolist()
        limits = dict.fromkeys(names, 0.4) if kind == "multilabel" else {}
        return Facts(
            folder=f"runs/{name}",
            task=task,
            recipe=Recipe(
                data=DataPlan(path=f"data/{name}"),
                source=Choice("local:net"),
                stages=(Stage(strategy=Choice("full"), steps=steps, lr=1e-3, augment="light"),),
            ),
            run={"steps": steps, "endings": ["all steps done"]},
            metrics={"test": plain},
            history=history,
            arrays={"test": Arrays(y, p)},
            observed={
                "format": 1,
                "source": card_to_plain(card),
                "notes": [f"label: {name}"],
                "rows": {"train": rows, "test": rows},
                "classes": {"train": dict.fromkeys(task.classes, 3)} if task.classes else {},
                "ranges": {} if task.classes else {"train": {name: [0.0, 0.5, 1.0] for name in names}},
                "moves": [
                    {"name": "stem", "parameters": 600, "moved": 0},
                    {"name": name, "parameters": 300, "moved": 300},
                    {"name": "head", "parameters": 100, "moved": 100, "new": True},
                ],
                "map": {
                    "split": "test",
                    "rows": 40,
                    "names": list(names[:8]) if task.classes else [],
                    "groups": [float(i % min(width, 8)) for i in range(40)],
                    "before": places,
                    "after": places,
                    "variance": [0.5, 0.4],
                },
                "mistakes_of": "test",
                "mistakes": [
                    {"id": name, "label": name, "prediction": name, "how": "far", "text": f"{name} text"}
                    for _ in range(3)
                ],
                "wrong": 3,
                "cost": {
                    "seconds": 2.0,
                    "training_seconds": 1.0,
                    "cpu_seconds": 3.0,
                    "peak_bytes": 2**28,
                    "precision": "float32",
                    "device": "cpu",
                    "machine": "a processor",
                    "cpus": 2,
                    "threads": 1,
                },
            },
            calibration=Calibration(1.5 if task.classes else None, limits, 100, (f"note on {name}",)),
            versions={"headstart": "0.1.0", "torch": "2"},
            created="2026-01-01",
        )

    return build
