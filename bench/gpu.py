"""One epoch of a network of timm on the CPU and on a GPU: loss, accuracy, time, memory, waits for the GPU.

Usage: python bench/gpu.py [--network resnet18] [--pixels 96] [--epochs 1] [--workers 8] [--skip-cpu]

Real data, without a network: scikit-learn's 1,797 handwritten digits, as images. Weights are random and seeded.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import math
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

from headstart.core.recipe import Recipe, Stage
from headstart.core.seeding import torch_seeded
from headstart.core.stopping import Stop
from headstart.core.types import Event, Task
from headstart.data.rows import Dataset, Rows
from headstart.engine.fit import fit
from headstart.engine.job import RunContext, make_job
from headstart.inputs.image import Image
from headstart.models.sources.timm import Timm
from headstart.runs.network import build_model
from headstart.runs.plan import make_plan

BATCH = 64


def digits() -> Dataset:
    """Make images [16, 16, 3] of the digits: 1,437 to train on, 360 to validate on."""
    bunch: Any = load_digits()
    x, y = bunch.data, bunch.target
    images = [np.kron(row.reshape(8, 8) * 15, np.ones((2, 2))).astype(np.uint8) for row in x]
    rows = Rows(
        [f"digit {i}" for i in range(len(y))],
        [np.stack([i] * 3, axis=2) for i in images],
        {"target": y.astype(np.int64)},
    )
    order = np.random.default_rng(0).permutation(len(y))
    train, validation = rows.take(order[:1437]), rows.take(order[1437:])
    task = Task.of("image", "multiclass", ("image",), ("label",), tuple(str(d) for d in range(10)))
    return Dataset(task, {"train": train, "validation": validation}, {"train": train}, fingerprint="digits")


def run(
    data: Dataset, device: str, precision: str, options: argparse.Namespace, *, watched: bool = False
) -> dict[str, Any]:
    """Train; give the losses, the accuracy and the cost."""
    with torch_seeded("bench"):
        backbone = Timm(pretrained=False).load(options.network)
    expects = backbone.card.input
    assert isinstance(expects, Image)
    expects = dataclasses.replace(expects, height=options.pixels, width=options.pixels)
    backbone.card = dataclasses.replace(backbone.card, input=expects)
    stage = Stage(epochs=options.epochs, lr=1e-3, batch_size=BATCH, augment="plain", patience=0)
    plan = make_plan(dataclasses.replace(Recipe(), stages=(stage,)), data)
    model = build_model(Recipe(), data, backbone)
    jobs = [make_job(plan.strategies[0], plan.objectives[0], plan.criteria[0], plan.recipe.stages[0], data, expects)]
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        def listen(event: Event) -> None:
            if event.kind == "step":
                times.append(time.monotonic())

        context = RunContext(
            folder=Path(folder),
            device=torch.device(device),
            precision=precision,
            seed=0,
            workers=options.workers,
            task=data.task,
            listen=listen,
            stop=Stop(),
        )
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            torch.cuda.set_sync_debug_mode("warn" if watched else "default")
        outcome = fit(model, jobs, context)
        if device == "cuda":
            torch.cuda.set_sync_debug_mode("default")
            torch.cuda.synchronize()
        lines = [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]
    waits = sum("synchronizing CUDA operation" in str(warning.message) for warning in caught)
    assert outcome.best is not None
    warm = times[3:]  # the first steps choose kernels and start workers
    return {
        "losses": [line["loss"] for line in lines if "loss" in line],
        "accuracy": outcome.best.value,
        "steps": outcome.steps,
        "seconds": outcome.seconds,
        "rate": BATCH * (len(warm) - 1) / (warm[-1] - warm[0]) if len(warm) > 1 else math.nan,
        "memory": torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else math.nan,
        "waits": waits if watched else math.nan,
    }


def main() -> int:
    """Print the table; the exit code is 0 only if the GPU's accuracy is within 5 points of the CPU's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--pixels", type=int, default=96)
    parser.add_argument("--epochs", type=float, default=1)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--skip-cpu", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    data = digits()
    cases = [] if options.skip_cpu else [("cpu", "float32", False)]
    if torch.cuda.is_available():
        cases += [("cuda", "float32", False), ("cuda", "bfloat16", False), ("cuda", "bfloat16", True)]
        torch.backends.cudnn.allow_tf32 = False  # float32 is to mean float32, beside the CPU's
        print(f"GPU: {torch.cuda.get_device_name()}")
    print(f"{options.network}, {options.pixels} px, batch {BATCH}, torch {torch.__version__}; digits, 1,437 rows")
    print("device  precision   steps  s in all  examples/s  peak MiB  accuracy  waits  mean loss of each 10 steps")
    accuracies = []
    for device, precision, watched in cases:
        result = run(data, device, precision, options, watched=watched)
        accuracies.append(result["accuracy"])
        losses = " ".join(f"{loss:.4f}" for loss in result["losses"])
        print(
            f"{device:6}  {precision:9} {result['steps']:7} {result['seconds']:9.1f} {result['rate']:11.0f} "
            f"{result['memory']:9.0f} {result['accuracy']:9.4f} {result['waits']:6.0f}  {losses}",
            flush=True,
        )
    return 0 if accuracies and max(accuracies) - min(accuracies) < 0.05 else 1


if __name__ == "__main__":
    sys.exit(main())
