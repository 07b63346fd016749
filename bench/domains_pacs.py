"""Photographs to paintings (PACS): the objectives for two domains beside learning from the photographs alone.

python bench/domains_pacs.py [--shared FOLDER] [--steps 100] [--seeds 2]

A small MobileNet with ImageNet's weights, every weight learning; the photographs have labels, the paintings have none.
Each line is one JSON object: `accuracy` is that on the paintings. CPU seconds are those of the whole run with its test.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import headstart as hs

OBJECTIVES = ("supervised", "dann", "mcd")


def main() -> None:
    """Print one line for each objective and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    source = f"local:{given.shared / 'weights/vision/mobilenetv1_025_imagenet'}"
    plan = {
        "data.source_domain": "photo",
        "data.target_domain": "art_painting",
        "stages.0.steps": given.steps,
        "stages.0.batch_size": 32,
        "device": "cpu",
    }
    for seed in range(given.seeds):
        for objective in OBJECTIVES:
            started = time.process_time()
            with tempfile.TemporaryDirectory() as folder:
                run = hs.fit(
                    given.shared / "data/image/pacs",
                    source=source,
                    strategy="full",
                    objective=objective,
                    settings=plan,
                    seed=seed,
                    out=Path(folder) / "run",
                )
            line = {"objective": objective, "seed": seed, "accuracy": run.evaluations["test"].metrics["accuracy"].value}
            print(json.dumps(line | {"cpu_seconds": round(time.process_time() - started)}), flush=True)


if __name__ == "__main__":
    main()
