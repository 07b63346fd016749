"""Search in a process of its own, which a test may kill: python search_once.py DATA.npz OUT SOURCE..."""

from __future__ import annotations

import math
import sys

import numpy as np

from headstart.core.recipe import Recipe
from headstart.core.types import Event
from headstart.inputs.vector import Vector
from headstart.selection import candidates, search, tuning, verify
from headstart.selection.wanted import Wanted


def listen(event: Event) -> None:
    if event.kind == "note":
        print(event.message, flush=True)


candidates.METHODS = candidates.METHODS[:2]
tuning.FURTHER = 0
verify.FOLDS = 2
Vector.baselines = classmethod(lambda cls, inputs: ())  # pyright: ignore[reportAttributeAccessIssue]
file, out, *sources = sys.argv[1:]
with np.load(file) as found:
    task = found["rows"], [str(label) for label in found["labels"]]
recipe = Recipe().with_settings(
    {"stages.0.steps": 48, "stages.0.lr": 3e-3, "data.test": 0.2, "data.validation": 0.3, "checkpoint": 0}
)
run = search.search(task, recipe, Wanted(tuple(sources), math.inf), out=out, listen=listen)
print("finished", run.folder, flush=True)
