"""What an objective for two domains adds to a step of training, beside one with the task's loss alone.

python bench/alignment_cost.py [--steps 7] [--source timm:mobilenetv2_100]

Both steps pass 32 rows of each domain through the network and back, all weights learning, 160 pixels, 7 classes; they
are taken in turn, and the medians compared. One JSON object a line; `added` is a share of the plain step.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import numpy as np
import torch

from headstart.core import plugins
from headstart.core.recipe import Recipe
from headstart.core.types import Batch, Task
from headstart.data.rows import Dataset, Rows
from headstart.models.load import load_source
from headstart.objectives._domains import Alignment
from headstart.objectives._tasks import task_losses
from headstart.runs.network import build_model

ROWS, CLASSES, PIXELS = 32, 7, 160


def main() -> None:
    """Print a line for each alignment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--source", default="timm:mobilenetv2_100")
    given = parser.parse_args()
    torch.manual_seed(0)
    backbone = load_source(given.source, {"pretrained": False})
    task = Task.of("image", "multiclass", ("image",), ("label",), tuple("abcdefg"))
    labels = np.arange(ROWS) % CLASSES
    rows = Rows([str(place) for place in range(ROWS)], [None] * ROWS, {"target": labels})
    model: Any = build_model(Recipe(), Dataset(task, {"train": rows}, {}), backbone).train()
    batches = {
        name: Batch(rows.ids, {"x": torch.randn(ROWS, 3, PIXELS, PIXELS)}, own)
        for name, own in (("source", {"target": torch.from_numpy(labels)}), ("target", {}))
    }
    for name in plugins.names("objectives"):
        if not issubclass(plugins.load("objectives", name), Alignment):
            continue
        objective: Any = plugins.build("objectives", name, {})
        extra = objective.modules(model)

        def plain(objective: Any = objective) -> Any:
            source, target = (model.features(batches[each].x) for each in ("source", "target"))
            losses = task_losses(model, source, batches["source"], objective.loss_options)
            return sum(loss.value for loss in losses.values()) + 0 * target["pooled"].sum()

        def aligned(objective: Any = objective, extra: Any = extra) -> Any:
            return sum(loss.value for loss in objective.losses(model, extra, batches, 0.5).values())

        seconds: dict[Any, list[float]] = {plain: [], aligned: []}
        for _ in range(given.steps):
            for step, found in seconds.items():
                began = time.perf_counter()
                step().backward()
                found.append(time.perf_counter() - began)
        before, after = (statistics.median(found[1:]) for found in seconds.values())
        print(
            json.dumps({"objective": name, "plain": round(before, 4), "added": round(after / before - 1, 4)}),
            flush=True,
        )


if __name__ == "__main__":
    main()
