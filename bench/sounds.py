"""Spoken digits (FSDD) of a speaker who is left out: solved probes of several sources, on one thread.

python bench/sounds.py [--source SOURCE …] [--surgery OPERATION …]

300 clips: the first five of each digit and speaker. Each of the six speakers is the test rows in turn, the other five
are learnt. Without a source: log-mel moments and YAMNet. `--surgery` is for all sources. One JSON object a source:
the accuracy of each speaker, their mean and the least and the largest.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import pandas as pd
from processes import SHARED

import headstart as hs


def clips(root: Path) -> pd.DataFrame:
    """List the 300 clips with their digit in words and their speaker."""
    found = pd.read_csv(root / "metadata.csv")
    found = found[found["split"] == "test"]
    return found.assign(sound=[str(root / name) for name in found["file"]], digit="d" + found["label"].astype(str))


def accuracies(found: pd.DataFrame, source: str, surgery: list[str], folder: Path) -> dict[str, float]:
    """Fit a probe for each speaker, and measure it on that speaker's clips."""
    measured = {}
    for speaker in sorted(set(found["speaker"])):
        data = folder / speaker
        data.mkdir()
        own = found["speaker"] == speaker
        for name, rows in (("train", found[~own]), ("test", found[own])):
            rows.filter(["sound", "digit"]).to_csv(data / f"{name}.csv", index=False)
        settings = {"stages.0.strategy": "linear_probe", "stages.0.optimiser": "solve"}
        out = folder / f"{speaker}-run"
        run = hs.fit(str(data), source=source, surgery=surgery, settings=settings, out=out, progress=False)
        measured[speaker] = run.evaluations["test"].metrics["accuracy"].value or 0.0
    return measured


def main() -> None:
    """Print one line for each source."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", nargs="+", default=["logmel:moments", f"local:{SHARED / 'weights/audio/yamnet'}"])
    parser.add_argument("--surgery", nargs="*", default=[])
    given = parser.parse_args()
    found = clips(SHARED / "data/audio/fsdd")
    for source in given.source:
        started = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            by_speaker = accuracies(found, source, given.surgery, Path(folder))
        mean = sum(by_speaker.values()) / len(by_speaker)
        figures = {"mean": round(mean, 3), "least": min(by_speaker.values()), "most": max(by_speaker.values())}
        seconds = round(time.process_time() - started)
        print(json.dumps({"source": source, **figures, "by_speaker": by_speaker, "cpu_seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
