"""Facts of runs that never were, of any size."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from headstart.core.choice import Choice
from headstart.core.recipe import DataPlan, Recipe, Stage
from headstart.core.types import Calibration, Card, Task
from headstart.evaluation.metrics import evaluate
from headstart.evaluation.report.facts import Arrays, Facts
from headstart.inputs.image import Image
from headstart.models.cards import card_to_plain

MakeFacts = Callable[..., Facts]


@pytest.fixture
def make_facts(make) -> MakeFacts:
    """Make facts of a kind of target, or of several by name; `name` is in every label, id and text."""

    def build(kind: str | dict[str, str], rows: int, width: int, *, name: str = "class", steps: int = 60) -> Facts:
        kinds = {"target": kind} if isinstance(kind, str) else kind
        names = tuple(f"{name} {i}" for i in range(width))
        targets, metrics, arrays, calibrations = {}, {}, {}, {}
        for target_name, of in kinds.items():
            target, y, p = make(of, rows, width)
            numbers = not target.classes
            target = dataclasses.replace(
                target, columns=names if numbers else (name,), classes=() if numbers else names
            )
            plain = evaluate(target, y, p, resamples=20).to_plain()
            if not numbers:
                plain["uncalibrated"] = {"log_loss": 0.5}
            key = "test" if len(kinds) == 1 else f"test:{target_name}"
            targets[target_name], metrics[key], arrays[key] = target, plain, Arrays(y, p)
            limits = dict.fromkeys(names, 0.4) if of == "multilabel" else {}
            calibrations[target_name] = Calibration(None if numbers else 1.5, limits, 100, (f"note on {name}",))
        task = Task("image", ("image",), targets)
        first = next(iter(targets.values()))
        plain = next(iter(metrics.values()))
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
        mistakes: list[Any] = [
            {"id": name, "label": name, "prediction": name, "how": "far", "text": f"{name} text"} for _ in range(3)
        ]
        return Facts(
            folder=f"runs/{name}",
            task=task,
            recipe=Recipe(
                data=DataPlan(path=f"data/{name}"),
                source=Choice("local:net"),
                stages=(Stage(strategy=Choice("full"), steps=steps, lr=1e-3, augment="weak"),),
            ),
            run={"steps": steps, "endings": ["all steps done"]},
            metrics=metrics,
            history=history,
            arrays=arrays,
            observed={
                "format": 1,
                "source": card_to_plain(card),
                "notes": [f"label: {name}"],
                "rows": {"train": rows, "test": rows},
                "classes": {task.key("train", n): dict.fromkeys(t.classes, 3) for n, t in targets.items() if t.classes},
                "ranges": {
                    task.key("train", n): {label: [0.0, 0.5, 1.0] for label in names}
                    for n, t in targets.items()
                    if not t.classes
                },
                "moves": [
                    {"name": "stem", "parameters": 600, "moved": 0},
                    {"name": name, "parameters": 300, "moved": 300},
                    {"name": "head", "parameters": 100, "moved": 100, "new": True},
                ],
                "map": {
                    "split": "test",
                    "rows": 40,
                    "names": list(names[:8]) if first.classes else [],
                    "groups": [float(i % min(width, 8)) for i in range(40)],
                    "before": places,
                    "after": places,
                    "variance": [0.5, 0.4],
                },
                "mistakes_of": "test",
                "mistakes": mistakes if len(kinds) == 1 else dict.fromkeys(targets, mistakes),
                "wrong": 3 if len(kinds) == 1 else dict.fromkeys(targets, 3),
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
            calibrations=calibrations,
            versions={"headstart": "0.1.0", "torch": "2"},
            created="2026-01-01",
        )

    return build
