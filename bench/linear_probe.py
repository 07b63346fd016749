"""A linear probe of MobileNetV2, whole processes beside the floor and the usual ways: processor seconds, one thread.

python bench/linear_probe.py [--turns 3] [--data hymenoptera pacs] [--peers PYTHON] [--epochs 20]

headstart   `headstart fit DATA --strategy linear_probe`: reading, training, evaluation and report; no
            features of earlier runs are found
floor       bench/hand_written.py, fast: one pass over the pictures and a logistic regression, nothing else
eager       the same with timm's own transform and network as it is loaded
trainer     the Trainer of Hugging Face over a frozen backbone, and `fastai` and `keras` (bench/peers.py): with --peers,
            the Python that has bench/requirements.txt, on hymenoptera alone, once; `_kept`: with `processes.ALLOCATOR`

Real data and weights are found by HEADSTART_SHARED, else in ../shared beside the project.
`of_ours` is a program's time over Headstart's.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import random
import sys
import tempfile
from functools import partial
from pathlib import Path

from processes import ALLOCATOR, HEADSTART, MOBILENET, SHARED, beside, seconds

PEERS = ["trainer", "fastai", "keras"]
FAST = {"headstart", "floor", "eager"}
BENCH = Path(__file__).resolve().parent
KEPT = 0.15  # share of rows that are not learnt, where the data has no split


def write_table(data: Path, table: Path) -> int:
    """Write each picture's path, its folder's name as its label, and whether it is kept from training."""
    draw = random.Random(0)
    paths = sorted(data.rglob("*.jpg"))
    divided = (data / "val").is_dir()
    kept = [data / "val" in path.parents if divided else draw.random() < KEPT for path in paths]
    with table.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["path", "label", "kept"])
        out.writerows([path, path.parent.name, int(held)] for path, held in zip(paths, kept, strict=True))
    return len(paths)


def main() -> None:
    """Print one line for each set of pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--data", nargs="+", default=["hymenoptera", "pacs"])
    parser.add_argument("--peers", type=Path, help="Python with bench/requirements.txt")
    parser.add_argument("--epochs", type=int, default=20, help="of the peers")
    parser.add_argument("--programs", nargs="+", default=PEERS, choices=PEERS, help="of the peers")
    given = parser.parse_args()
    weights = SHARED / MOBILENET
    for name in given.data:
        data = SHARED / "data/image" / name
        with tempfile.TemporaryDirectory() as folder:
            table, numbers = Path(folder) / "rows.csv", itertools.count()
            rows = write_table(data, table)

            def headstart(data: Path = data, folder: str = folder, numbers: itertools.count[int] = numbers) -> float:
                out = Path(folder) / f"run-{next(numbers)}"
                plan = ["--strategy", "linear_probe", "--source", f"local:{weights}", "--device", "cpu", "--out", out]
                return seconds([*HEADSTART, "fit", data, *plan], {"XDG_CACHE_HOME": f"{out}-cache"})

            scripts = [sys.executable, BENCH / "hand_written.py", "probe"]
            rest = [table, weights, Path(folder) / "score"]
            programs = {
                "headstart": headstart,
                "floor": partial(seconds, [*scripts, "fast", *rest], ALLOCATOR),
                "eager": partial(seconds, [*scripts, "eager", *rest]),
            }
            if given.peers and name == "hymenoptera":
                for peer in given.programs:
                    command = [given.peers, BENCH / "peers.py", peer, table, weights, given.epochs]
                    programs[peer] = partial(seconds, command)
                    programs[f"{peer}_kept"] = partial(seconds, command, ALLOCATOR)
            beside(f"linear probe, {rows} pictures of {name}", programs, given.turns, once=set(programs) - FAST)


if __name__ == "__main__":
    main()
