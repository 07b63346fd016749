"""What the head `tree` brings beside a linear one: handwritten characters under their alphabets (Omniglot).

python bench/tree.py [--shared FOLDER] [--seeds 3] [--drawings 4] [--alphabets Greek Latin Tagalog]
    [--vision mobilenetv1_025_imagenet]

Both are solved on the features of one frozen network, of `--drawings` drawings of each character; the other ones test.
Each line is one JSON object.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headstart.core.choice import Choice
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.task import TARGET
from headstart.core.types import LossOptions, Solving
from headstart.data.read import read
from headstart.data.rows import concatenate
from headstart.data.transforms import make_transform
from headstart.engine.predict import embed
from headstart.evaluation.measure import measure, measured, values
from headstart.models.load import load_source
from headstart.models.model import Model
from headstart.runs.network import build_model

FIGURES = ("accuracy", "parent_accuracy", "hierarchical_f1", "log_loss")


def main() -> None:
    """Print a line for each seed and head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--drawings", type=int, default=4)
    parser.add_argument("--alphabets", nargs="+", default=("Greek", "Latin", "Tagalog"))
    parser.add_argument("--vision", default="mobilenetv1_025_imagenet")
    given = parser.parse_args()
    backbone = load_source(f"local:{given.shared / 'weights' / 'vision' / given.vision}.safetensors", {})
    data = read(given.shared / "data/image/omniglot", DataPlan(task="tree"))
    tree: Any = data.task.target
    kept = np.flatnonzero(np.isin(tree.parents, given.alphabets))
    classes, parents = ([names[place] for place in kept] for names in (tree.classes, tree.parents))
    tree = dataclasses.replace(tree, classes=tuple(classes), parents=tuple(parents))
    rows = concatenate(list(data.splits.values()))
    rows = rows.take(np.flatnonzero(np.isin(rows.y, kept)).tolist())
    labels = np.searchsorted(kept, rows.y)
    data = dataclasses.replace(data, task=dataclasses.replace(data.task, targets={TARGET: tree}))
    features = embed(Model(backbone, {}).eval(), rows, make_transform(backbone.card.input, {"plain": "plain"}))
    for seed in range(given.seeds):
        order = np.random.default_rng(seed).permutation(len(rows))
        train = np.concatenate([order[labels[order] == c][: given.drawings] for c in range(len(tree.classes))])
        test = np.setdiff1d(order, train)
        for name in ("linear", "tree"):
            model = build_model(Recipe(head=Choice(name), seed=seed), data, backbone)
            began = time.process_time()
            model.head.solve(features[train], labels[train], Solving(LossOptions(), "none", seed))
            spent = time.process_time() - began
            found = measured(tree, labels[test], answers(model, features[test]))
            all_of_them = values(found, measure(found))
            figures = {metric: all_of_them[metric] for metric in FIGURES}
            print(json.dumps({"seed": seed, "head": name, "solve_cpu": round(spent, 1), **figures}), flush=True)


def answers(model: Model, features: np.ndarray) -> np.ndarray:
    """Return the probabilities of classes for rows whose features are known, [N, C]."""
    with torch.no_grad():
        out = model.head.decode(model.head({"pooled": torch.from_numpy(features)})).double()
    return (out / out.sum(dim=1, keepdim=True)).numpy()


if __name__ == "__main__":
    main()
