"""Few examples: Conv-4 that learnt Omniglot by episodes, and all methods without training on features of ImageNet.

Omniglot's characters of four alphabets are learnt, those of a fifth choose the step, and those of three others are
asked (with turns by 90 degrees as characters of their own, as in the papers). MobileNetV2 of ImageNet sees photographs.
One line of JSON a row; 600 episodes, 15 queries a class.

    python bench/fewshot.py --shared ../shared [--learn "protonet ways=20 queries=5"] [--steps 800] [--photos]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from PIL import Image
from torch import nn

import headstart as hs

SPLITS = {
    "train": ("Balinese", "Early_Aramaic", "Greek", "Korean"),
    "validation": ("Latin",),
    "test": ("Japanese_(katakana)", "Sanskrit", "Tagalog"),
}
ASKED = ((5, 1), (5, 5), (20, 1))
ANSWERS = ("nearest_mean centre=false normalise=false", "nearest_mean", "laplacian_shot")
SOURCE = "python:fewshot:conv4 size=28 channels=1 mean=0.5 std=0.5"


def conv4() -> nn.Module:
    """Build the network of most papers: four blocks of 64 filters with batch norm (arXiv:1606.04080, section 4.1.1)."""
    net = nn.Sequential()
    for place, before in enumerate((1, 64, 64, 64)):
        block = [nn.Conv2d(before, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)]
        net.add_module(f"block{place + 1}", nn.Sequential(*block))
    return net


def omniglot(shared: Path, folder: Path) -> Path:
    """Write the drawings in four turns, and a table with the split of each character by its alphabet."""
    root, rows = shared / "data/image/omniglot", []
    for split, alphabets in SPLITS.items():
        for file in sorted(file for alphabet in alphabets for file in root.glob(f"{alphabet}/*/*.png")):
            drawing = Image.open(file).convert("L").resize((28, 28), Image.Resampling.LANCZOS)
            for turn in (0, 90, 180, 270):
                character = f"{file.parent.relative_to(root)}_{turn}"
                name = folder / f"{character.replace('/', '_')}_{file.stem}.png"
                drawing.rotate(turn).save(name)
                rows.append({"file": name.name, "character": character, "split": split})
    pd.DataFrame(rows).to_csv(folder / "omniglot.csv", index=False)
    return folder / "omniglot.csv"


def learnt(objective: str, data: Path, folder: Path, steps: int, lr: float) -> None:
    """Learn by episodes, and ask new characters."""
    began = time.process_time()
    how: dict[str, Any] = {"label": "character", "task": "retrieval", "source": SOURCE, "progress": False}
    settings = {"stages.0.evaluate": max(1, steps // 4), "refit": "no"}
    how |= {"strategy": "scratch", "augment": "plain", "steps": steps, "lr": lr, "settings": settings}
    run = hs.fit(data, objective=objective, out=folder / "run", **how)
    seconds = time.process_time() - began
    for ways, shots in ASKED:
        found = hs.fewshot(run.folder, ways=ways, shots=shots, queries=15, methods=ANSWERS, progress=False)
        show({"objective": objective, "steps": steps, "cpu_seconds": round(seconds), **found.to_plain()})


def photos(shared: Path) -> None:
    """Ask classes of photographs and paintings, without training."""
    source = f"local:{shared / 'weights/vision/mobilenetv2_100_imagenet'}"
    for name in ("pacs/photo", "pacs/art_painting", "hymenoptera"):
        for shots in (1, 5):
            found = hs.fewshot(source, shared / "data/image" / name, shots=shots, queries=15, progress=False)
            show({"data": name, **found.to_plain()})


def show(plain: dict[str, Any]) -> None:
    """Print a line: of each method its accuracy, half the width of its interval, and its seconds."""
    methods = {
        each["method"]: [
            round(100 * each["accuracy"]["value"], 2),
            round(50 * (each["accuracy"]["high"] - each["accuracy"]["low"]), 2),
            each["seconds"],
        ]
        for each in plain.pop("methods")
    }
    print(json.dumps({**plain, "methods": methods}), flush=True)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--learn", action="append", default=[], help="an objective with its options; repeatable")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--photos", action="store_true")
    given = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))
    torch.manual_seed(0)
    shared = given.shared.resolve()
    for objective in given.learn:
        with tempfile.TemporaryDirectory() as folder:
            learnt(objective, omniglot(shared, Path(folder)), Path(folder), given.steps, given.lr)
    if given.photos:
        photos(shared)


if __name__ == "__main__":
    main()
