"""Run a headstart command, and say which processor seconds went into computing: python bench/kernels.py FILE fit DATA …

FILE takes one JSON object of processor seconds of the whole process, all threads: "computing" by what was computed
(steps, passes, opening rows, solving), "around" by what else has a name (importing libraries, the journal, files, the
report), and "rest". A second counts once, for the innermost of these that it was spent in.
"""

from __future__ import annotations

import builtins
import functools
import gc
import importlib
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

COMPUTING = {
    "steps": ["engine.step:train_step"],
    "passes": ["engine.predict:_run", "engine.cost:measure_cost", "runs.shown:blurred"],
    "opening rows": [f"data.transforms:Transform.{name}" for name in ("prepare", "example", "collate")],
    "solving": ["solvers.logistic:logistic", "solvers.ridge:ridge", "solvers.knn:nearest", "selection.look:score_all"],
}
AROUND = {
    "loading sources": ["models.load:load_source"],
    "the journal": [
        f"selection.journal:Journal.{name}" for name in ("__init__", "get", "put", "add", "trials", "reached", "end")
    ],
    "drawing candidates": ["selection.space:Space.drawn"],
    "checkpoints": [f"engine.saver:Saver.{name}" for name in ("save_start", "save_best", "save_step", "load_best")],
    "models on disk": ["artifact.save:save", "artifact.load:load"],
    "reading data": ["data.read:read"],
    "figures": ["evaluation.metrics:evaluate", "evaluation.bootstrap:sampled", "evaluation.bootstrap:paired"],
    "the report": ["runs.fit:_write_report"],
}


class Watch:
    """Processor seconds by name, each counted for the innermost."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._open: list[tuple[str, float]] = []

    def over(self, name: str, plain: Any) -> Any:
        """Return a function whose seconds are counted."""

        @functools.wraps(plain)
        def watched(*given: Any, **more: Any) -> Any:
            self._turn(name)
            try:
                return plain(*given, **more)
            finally:
                self._turn(None)

        return watched

    def _turn(self, name: str | None) -> None:
        now = time.process_time()
        if self._open:
            outer, since = self._open[-1]
            self.spent[outer] += now - since
        if name is None:
            self._open.pop()
            if self._open:
                self._open[-1] = (self._open[-1][0], now)
        else:
            self._open.append((name, now))


def put_in(place: str, watch: Watch, name: str) -> None:
    """Watch a function of headstart, wherever it was imported."""
    module, _, path = place.partition(":")
    owner: Any = importlib.import_module(f"headstart.{module}")
    *above, last = path.split(".")
    for part in above:
        owner = getattr(owner, part)
    plain = getattr(owner, last)
    made = watch.over(name, plain)
    setattr(owner, last, made)
    for other in [each for key, each in sys.modules.items() if key.startswith("headstart")]:
        for key in [key for key, value in vars(other).items() if value is plain]:
            setattr(other, key, made)


def main() -> None:
    """Run the command."""
    file, *arguments = sys.argv[1:]
    watch = Watch()
    builtins.__import__ = watch.over("importing", builtins.__import__)
    importlib.import_module = watch.over("importing", importlib.import_module)
    from headstart.cli import main as command

    for name, places in [*COMPUTING.items(), *AROUND.items()]:
        for place in places:
            put_in(place, watch, name)
    gc.set_threshold(*command.COLLECT_AFTER)
    try:
        command.main(arguments)
    finally:
        whole, order = time.process_time(), sorted(watch.spent.items(), key=lambda each: -each[1])
        spent = {name: round(seconds, 2) for name, seconds in order}
        computing = {name: seconds for name, seconds in spent.items() if name in COMPUTING}
        around = {name: seconds for name, seconds in spent.items() if name not in COMPUTING}
        found = {
            "cpu_seconds": round(whole, 2),
            "computing": computing,
            "around": around,
            "rest": round(whole - sum(spent.values()), 2),
            "outside_computing": round(1 - sum(computing.values()) / whole, 4),
        }
        Path(file).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
