"""What every kind of target whose labels lie over pictures promises."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import headstart as hs
import toys
from headstart.core.choice import Choice
from headstart.core.recipe import Recipe, Stage
from headstart.core.stopping import Stop, Stopped
from headstart.core.types import Event


def check_resumes(out: Path, make: Callable[[], tuple[Any, Any]]) -> None:
    """Check that a stop and a resume give the same weights; `make` gives a model and its data."""
    stage = Stage(steps=6, batch_size=4, lr=1e-3, augment="weak")
    runs = {}
    for name in ("whole", "cut"):
        stop = Stop()

        def listen(event: Event, stop: Stop = stop, name: str = name) -> None:
            if name == "cut" and event.kind == "step" and event.values["step"] >= 3:
                stop.signal = 15

        model, data = make()
        try:
            toys.train(out / name, model, data, stage=stage, stop=stop, listen=listen)
            assert name == "whole"
        except Stopped:
            model, data = make()
            toys.train(out / name, model, data, stage=stage, resume=True)
        runs[name] = model
    assert toys.moved(toys.snapshot(runs["whole"]), runs["cut"]) == set()


def check_folds_and_comparison(out: Path, folder: Path, head: str, metric: str) -> None:
    """Check that rows are tested in folds, and that two runs are compared."""
    settings = {"stages.0.steps": 2, "stages.0.batch_size": 4, "head": head}
    surgery = (Choice("adapt_input", {"size": 32}), Choice("maps", {"finest": 4}))
    recipe = dataclasses.replace(Recipe().with_settings(settings), surgery=surgery)
    recipe = dataclasses.replace(recipe, source=Choice("timm:test_resnet", {"pretrained": False}))
    once = hs.cross_validate(folder, folds=2, recipe=recipe, out=out / "folds")
    assert once.out_of_fold.rows == 12 and once.out_of_fold.metrics[metric].value is not None
    one, other = (hs.fit(folder, recipe=dataclasses.replace(recipe, seed=seed), out=out / f"{seed}") for seed in (1, 2))
    plain = hs.compare([one.folder, other.folder]).to_plain()
    assert plain["rows"] == 4 and metric in str(plain)
