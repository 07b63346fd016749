"""Retrieval of new classes: recall at 1 of the source's features as they are, and after training by each loss.

Omniglot's characters on a small network with random weights, and the photos of PACS on MobileNetV1 (0.25) of ImageNet.
Whole classes are held out, others for each seed. One line of JSON a run.

    python bench/retrieval.py --shared ../shared [--sets omniglot,pacs] [--seeds 3]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

from headstart.core.recipe import Recipe
from headstart.runs.fit import fit

LOSSES = ("proxy_nca", "arcface", "triplet", "pairs")


def omniglot(shared: Path, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Write a table of all characters; each is a class, whatever its alphabet."""
    root = shared / "data/image/omniglot"
    files = sorted(root.glob("*/*/*.png"))
    rows = {"file": [str(f) for f in files], "character": [str(f.parent.relative_to(root)) for f in files]}
    pd.DataFrame(rows).to_csv(folder / "omniglot.csv", index=False)
    return folder / "omniglot.csv", {
        "source": "digits:cnn",
        "data.test": 0.3,
        "stages.0.strategy": "scratch",
        "stages.0.steps": 500,
        "stages.0.batch_size": 64,
        "stages.0.augment": "plain",
    }


def pacs(shared: Path, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Take the seven classes of photos: four are learnt, three are looked for, and no step is chosen."""
    return shared / "data/image/pacs/photo", {
        "source": f"local:{shared / 'weights/vision/mobilenetv1_025_imagenet'}",
        "data.test": 0.4,
        "data.validation": 0.0,
        "stages.0.strategy": "full",
        "stages.0.steps": 60,
        "stages.0.lr": 3e-5,
    }


def main() -> None:
    """Measure every loss on every set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--sets", default="omniglot,pacs")
    parser.add_argument("--losses", default=",".join(LOSSES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--settings", type=json.loads, default={}, help="more settings, as JSON")
    given = parser.parse_args()
    for name in given.sets.split(","):
        for seed in range(given.seeds):
            for loss in given.losses.split(","):
                with tempfile.TemporaryDirectory() as folder:
                    data, settings = {"omniglot": omniglot, "pacs": pacs}[name](given.shared.resolve(), Path(folder))
                    settings |= {"data.task": "retrieval", "stages.0.objective": loss, "seed": seed, "refit": "no"}
                    settings |= given.settings
                    began = time.perf_counter()
                    run = fit(str(data), Recipe().with_settings(settings), out=Path(folder) / "run")
                    seconds = time.perf_counter() - began
                assert run.gain is not None
                before, after = run.gain["features"].metrics["test"], run.evaluations["test"].metrics
                figures = {
                    metric: [round(before[metric].value or 0, 4), round(after[metric].value or 0, 4)]
                    for metric in ("recall_at_1", "map_at_r")
                }
                rows = run.evaluations["test"].rows
                print(
                    json.dumps(
                        {"set": name, "seed": seed, "loss": loss, "rows": rows, **figures, "seconds": round(seconds)}
                    )
                )


if __name__ == "__main__":
    main()
