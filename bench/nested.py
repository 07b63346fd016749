"""What the head `nested` brings beside a linear one: paintings, told apart with what a source already answers.

python bench/nested.py [--shared FOLDER] [--seeds 3] [--labels 12 100] [--vision mobilenetv1_025_imagenet]

All heads are solved on the features of one frozen network, of `--labels` paintings a class; the other paintings test.
The source's head is that of the network (ImageNet), or of an earlier task: photographs of the same seven classes, by a
solved linear head or by the head `mlp`, trained by steps. Each line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headstart.core import plugins
from headstart.core.choice import Choice
from headstart.core.recipe import DataPlan, Recipe
from headstart.core.types import LossOptions, Solving
from headstart.data.read import read
from headstart.data.rows import concatenate
from headstart.data.transforms import make_transform
from headstart.engine.predict import embed
from headstart.models.load import load_source
from headstart.models.model import Model
from headstart.runs.network import build_model

SOLVING = LossOptions()
CASES = {
    "linear": ("none", "linear"),
    "imagenet": ("imagenet", "nested"),
    "imagenet alone": ("imagenet", "nested features=false"),
    "photographs": ("linear", "nested"),
    "photographs alone": ("linear", "nested features=false"),
    "photographs, hidden": ("mlp", "nested answer=hidden"),
    "photographs, hidden alone": ("mlp", "nested answer=hidden features=false"),
}


def main() -> None:
    """Print a line for each seed, number of labels and head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--labels", type=int, nargs="+", default=(12, 100))
    parser.add_argument("--vision", default="mobilenetv1_025_imagenet")
    given = parser.parse_args()
    backbone = load_source(f"local:{given.shared / 'weights' / 'vision' / given.vision}.safetensors", {})
    imagenet = backbone.source_classifier
    transform = make_transform(backbone.card.input, {"plain": "plain"})
    rows, features = {}, {}
    for domain in ("photo", "art_painting"):
        data = read(given.shared / "data/image/pacs" / domain, DataPlan())
        rows[domain] = concatenate(list(data.splits.values()))
        features[domain] = embed(Model(backbone, {}).eval(), rows[domain], transform)
    labels = rows["art_painting"].y
    earlier: Any = build_model(Recipe(), data, backbone).head
    earlier.solve(features["photo"], rows["photo"].y, Solving(SOLVING, "none"))
    hidden = learnt(data.task.target, features["photo"], rows["photo"].y)
    sources: dict[str, dict[str, Any]] = {
        "none": {},
        "imagenet": {"source_classifier": imagenet},
        "linear": {"source_classifier": (earlier.trunk.weight.detach(), earlier.trunk.bias.detach())},
        "mlp": {"source_hidden": (hidden.weight.detach(), hidden.bias.detach())},
    }
    for seed in range(given.seeds):
        order = np.random.default_rng(seed).permutation(len(labels))
        for each in given.labels:
            train = np.concatenate([order[labels[order] == c][:each] for c in range(len(data.task.classes))])
            test = np.setdiff1d(order, train)
            for name, (source, head) in CASES.items():
                for key, value in {"source_classifier": None, "source_hidden": None, **sources[source]}.items():
                    setattr(backbone, key, value)
                model = build_model(Recipe(head=Choice.parse(head, "head"), seed=seed), data, backbone)
                model.head.solve(features["art_painting"][train], labels[train], Solving(SOLVING, "none", seed))
                with torch.no_grad():
                    out = model.head({"pooled": torch.from_numpy(features["art_painting"][test])}).numpy()
                accuracy = float((out.argmax(axis=1) == labels[test]).mean())
                print(json.dumps({"seed": seed, "labels": each, "head": name, "accuracy": accuracy}), flush=True)


def learnt(target: Any, features: np.ndarray, labels: np.ndarray) -> Any:
    """Train the head `mlp` on photographs; return its hidden layer."""
    torch.manual_seed(0)
    head: Any = plugins.build("heads", "mlp", {}).build(features.shape[1], target)
    optimiser = torch.optim.AdamW(head.parameters(), lr=1e-3)
    x, y = torch.from_numpy(features), torch.from_numpy(labels)
    for _ in range(300):
        optimiser.zero_grad()
        head.loss(head({"pooled": x}), y).backward()
        optimiser.step()
    return head.trunk[0]


if __name__ == "__main__":
    main()
