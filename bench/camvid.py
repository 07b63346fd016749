"""Segmentation of street scenes: mIoU on CamVid's official second part; another street chooses the step.

python bench/camvid.py [--shared FOLDER] [--strategy full] [--epochs 20] [--size 224] [--out FILE]

MobileNetV2 of ImageNet, the head `decoder`; the sequence 0001TP of the training frames chooses the step. It prints one
JSON object: figures with intervals, the IoU of each class, and CPU seconds of the whole.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import headstart as hs

SHARED = Path(os.environ.get("HEADSTART_SHARED", Path(__file__).resolve().parents[2] / "shared"))
VALIDATION = "0001TP"  # neighbouring frames are alike, so that a sequence is in one split


def divided(data: Path, folder: Path) -> Path:
    """Link frames and masks by split: the official second part tests."""
    for kind in ("images", "masks"):
        for official in ("train", "val"):
            for file in sorted((data / kind / official).iterdir()):
                chooses = official == "train" and file.name.startswith(VALIDATION)
                split = "test" if official == "val" else "val" if chooses else "train"
                (folder / kind / split).mkdir(parents=True, exist_ok=True)
                (folder / kind / split / file.name).symlink_to(file.resolve())
    (folder / "meta.json").write_text((data / "meta.json").read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def main() -> None:
    """Print the figures of one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--strategy", default="full")
    parser.add_argument("--epochs", type=float, default=20)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    settings: dict[str, Any] = {"device": "cpu", "refit": "no", "stages.0.epochs": given.epochs}
    with tempfile.TemporaryDirectory() as folder:
        data = divided(given.shared / "data/image/camvid", Path(folder) / "camvid")
        source = f"local:{given.shared / 'weights/vision/mobilenetv2_100_imagenet'}"
        surgery = [f"adapt_input whole=true size={given.size}", "maps"]
        words: dict[str, Any] = {"source": source, "surgery": surgery, "strategy": given.strategy}
        run = hs.fit(data, **words, settings=settings, out=given.out or Path(folder) / "run")
        figures = {name: [m.value, m.low, m.high] for name, m in run.evaluations["test"].metrics.items()}
        print(json.dumps({**figures, "steps": run.outcome.steps, "cpu_seconds": round(time.process_time())}))


if __name__ == "__main__":
    main()
