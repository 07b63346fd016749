"""Predictions for many pictures, whole processes beside scripts written by hand: processor seconds, one thread.

python bench/predict.py [--rows 2000] [--turns 2] [--memory]

Copies of the pictures of hymenoptera, a linear probe of MobileNetV2, which is fitted first and not counted.

headstart   `headstart predict RUN FOLDER --out FILE.csv`
fast        bench/hand_written.py: the fastest loop
eager       the same with timm's own transform and network as it is loaded

Real data and weights are found by HEADSTART_SHARED, else in ../shared beside the project.
`of_ours` is a program's time over Headstart's. With --memory also the peak memory for these pictures and for ten times
as many.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from processes import ALLOCATOR, HEADSTART, MOBILENET, SHARED, beside, seconds
from reading import measured


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--memory", action="store_true")
    given = parser.parse_args()
    data, weights = SHARED / "data/image/hymenoptera", SHARED / MOBILENET
    pictures = sorted(data.rglob("*.jpg"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copies = [folder / "new" / f"{place:05}.jpg" for place in range(given.rows)]
        copies[0].parent.mkdir()
        for place, copy in enumerate(copies):
            shutil.copyfile(pictures[place % len(pictures)], copy)
        table = folder / "rows.csv"
        with table.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["path"], *([path] for path in copies)])
        run = folder / "run"
        probe = ["--strategy", "linear_probe", "--source", f"local:{weights}", "--device", "cpu", "--out", run]
        seconds([*HEADSTART, "fit", data, *probe])
        script = [sys.executable, Path(__file__).with_name("hand_written.py"), "predict"]
        rest = [table, weights, folder / "hand.csv"]
        predict = [*HEADSTART, "predict", run, copies[0].parent, "--device", "cpu", "--out", folder / "ours.csv"]
        programs = {
            "headstart": partial(seconds, predict),
            "fast": partial(seconds, [*script, "fast", *rest], ALLOCATOR),
            "eager": partial(seconds, [*script, "eager", *rest]),
        }
        beside(f"predictions for {given.rows} pictures", programs, given.turns)
        if given.memory:
            print(json.dumps({"job": "peak memory of predictions", **_peaks(folder, run, copies)}), flush=True)


def _peaks(folder: Path, run: Path, copies: list[Path]) -> dict[str, int]:
    """Measure the peak memory in MiB of predictions for the pictures, and for ten times as many, which are links."""
    more = folder / "more"
    more.mkdir()
    for place in range(10 * len(copies)):
        (more / f"{place:06}.jpg").hardlink_to(copies[place % len(copies)])
    found = {}
    for pictures, rows in ((copies[0].parent, len(copies)), (more, 10 * len(copies))):
        predict = [*HEADSTART, "predict", run, pictures, "--device", "cpu", "--out", folder / "peak.csv"]
        found[f"{rows} pictures"] = round(measured(list(map(str, predict)))[1])
    return found


if __name__ == "__main__":
    main()
