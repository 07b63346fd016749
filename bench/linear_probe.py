"""A linear probe beside the usual loop and the floor: CPU seconds in one run, on one thread.

python bench/linear_probe.py --data DATA/hymenoptera --source local:WEIGHTS/mobilenetv2_100_imagenet

usual    the frozen backbone runs forward at every step, images opened anew, as common trainers do; two epochs are
         measured and multiplied, for each costs the same
ours     the engine's linear probe, all epochs, features computed once
floor    each image opened, resized and normalised once, and one forward pass of the network as it is loaded
folded   the same with batch norms folded into the convolutions
"""

from __future__ import annotations

import argparse
import platform
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from headstart.core.recipe import Recipe
from headstart.core.stopping import Stop
from headstart.core.types import silent
from headstart.data.read import make_dataset, read
from headstart.data.rows import Dataset
from headstart.data.splits import SplitRows
from headstart.data.transforms import make_transform
from headstart.engine.fit import fit
from headstart.engine.machine import keep_memory, place
from headstart.features.folding import folded
from headstart.models.model import Backbone, Model
from headstart.runs.fit import prepare
from headstart.runs.network import build_model
from headstart.runs.training import make_jobs

MEASURED = 2  # epochs of the usual loop


def first_rows(data: str, count: int) -> Dataset:
    """Take training rows, spread over the classes, and nothing else."""
    whole = read(data, Recipe().data)
    rows = whole.splits["train"]
    places = random.Random(0).sample(range(len(rows)), min(count, len(rows)))
    chosen = rows.take(places)
    return make_dataset(whole.task, {"train": SplitRows(chosen)}, ())


def ready(data: Dataset, source: str, epochs: float) -> tuple[Any, Model, Backbone]:
    """Load the network and plan the probe."""
    recipe = Recipe(seed=0).with_settings(
        {"source.name": source, "stages.0.strategy.name": "linear_probe", "stages.0.epochs": epochs, "device": "cpu"}
    )
    dataset, backbone, plan = prepare(data, recipe)
    return plan, build_model(plan.recipe, dataset, backbone), backbone


def ours(data: Dataset, source: str, epochs: float) -> Callable[[], Any]:
    """Make the engine's probe, to be timed."""
    plan, model, backbone = ready(data, source, epochs)

    def run() -> Model:
        with tempfile.TemporaryDirectory() as folder:
            fit(model, *make_jobs(plan, data, backbone, Path(folder), silent, Stop(), "float32"))
        return model

    return run


def usual(data: Dataset, source: str, epochs: int) -> Callable[[], Any]:
    """Make the usual loop, to be timed: a frozen backbone in evaluation mode, its forward pass at every step."""
    _, model, backbone = ready(data, source, epochs)
    rows, transform = data.splits["train"], make_transform(backbone.card.input)
    assert rows.y is not None
    targets = torch.from_numpy(rows.y)
    place(model, torch.device("cpu"))

    def run() -> Model:
        model.eval()
        head: nn.Module = model.head
        optimiser = torch.optim.AdamW(head.parameters(), lr=1e-3)
        for epoch in range(epochs):
            order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(epoch))
            for places in order.split(32):
                x = transform.collate([transform.example(rows.inputs[int(i)], "x", None) for i in places])
                with torch.no_grad():
                    features = model.features(x.contiguous(memory_format=torch.channels_last))
                loss = functional.cross_entropy(head(features), targets[places])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        return model

    return run


def opening(data: Dataset, source: str) -> Callable[[], Any]:
    """Make the first half of the floor: every image opened, resized and normalised once."""
    _, _, backbone = ready(data, source, 1)
    transform = make_transform(backbone.card.input)
    rows = data.splits["train"]

    def run() -> torch.Tensor:
        return torch.cat(
            [
                transform.collate([transform.example(item, "x", None) for item in rows.inputs[start : start + 32]])
                for start in range(0, len(rows), 32)
            ]
        )

    return run


def passing(data: Dataset, source: str, *, fold: bool) -> Callable[[], Any]:
    """Make the second half of the floor: one forward pass over tensors that are ready."""
    _, _, backbone = ready(data, source, 1)
    images = opening(data, source)()
    place(backbone, torch.device("cpu")).eval()
    net = folded(backbone, images[:2]) if fold else backbone

    def run() -> None:
        with torch.inference_mode():
            for batch in images.split(32):
                net(batch.contiguous(memory_format=torch.channels_last))

    return run


def seconds(make: Callable[[], Callable[[], Any]], repeats: int) -> float:
    """Return the least CPU seconds of several runs; loading is not timed."""
    found = []
    for _ in range(repeats):
        run = make()
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


def main() -> None:
    """Measure, and print a table of CPU seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--images", type=int, default=192)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--without-usual", action="store_true", help="skip the slow loop")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()  # for all of them alike
    data = first_rows(options.data, options.images)
    source, epochs, repeats = options.source, options.epochs, options.repeats
    opened = seconds(lambda: opening(data, source), repeats)
    passed = seconds(lambda: passing(data, source, fold=False), repeats)
    fast = seconds(lambda: passing(data, source, fold=True), repeats)
    probe = seconds(lambda: ours(data, source, epochs), repeats)
    floor = opened + passed
    print(f"{len(data.splits['train'])} images, {epochs} epochs, torch {torch.__version__}, {platform.machine()}")
    print(f"opening  {opened:7.2f} cpu-s")
    print(f"passing  {passed:7.2f} cpu-s")
    print(f"folded   {fast:7.2f} cpu-s  (passing, folded)")
    print(f"floor    {floor:7.2f} cpu-s  (opening + passing)")
    print(f"ours     {probe:7.2f} cpu-s  {probe / floor:6.2f} x floor, {probe / (opened + fast):6.2f} x folded floor")
    if not options.without_usual:
        loop = seconds(lambda: usual(data, source, MEASURED), 1) * epochs / MEASURED
        print(f"usual    {loop:7.2f} cpu-s  {loop / floor:6.2f} x floor, {loop / probe:6.1f} x ours")


if __name__ == "__main__":
    main()
