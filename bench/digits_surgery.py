"""MNIST digits (28 x 28, grey) in a MobileNetV2 for colour photographs: by surgery, and by resizing the images.

python bench/digits_surgery.py [--shared FOLDER]

300 labelled digits, 60 steps of 32 with every weight learning, no augmentation, tested on 1,000 other digits.
Each line is one JSON object: `channels` 1 is `adapt_input channels=1 size=SIZE`, 3 turns the digit into colours and
resizes it, nothing else. CPU seconds are those of the whole run with its test.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

import headstart as hs

WAYS = ((1, 28), (1, 64), (1, 128), (1, 224), (3, 64), (3, 128), (3, 224))  # channels and pixels; its own are 3 and 224


def main() -> None:
    """Print one line for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    given = parser.parse_args()
    with np.load(given.shared / "data/image/mnist_t10k/mnist_t10k.npz") as held:
        images, labels = (held[key] for key in sorted(held.files, key=lambda key: -held[key].ndim))
    names = [str(label) for label in labels[:1300]]
    data = {"train": (list(images[:300]), names[:300]), "test": (list(images[300:1300]), names[300:])}
    source = f"local:{given.shared / 'weights/vision/mobilenetv2_100_imagenet'}"
    plan = {
        "data.validation": 0,
        "device": "cpu",
        "stages.0.steps": 60,
        "stages.0.lr": 1e-3,
        "stages.0.augment": "none",
    }
    for channels, size in WAYS:
        recipe = hs.Recipe().with_surgery([f"adapt_input channels={channels} size={size}"]).with_settings(plan)
        started = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            run = hs.fit(data, source=source, strategy="full", recipe=recipe, out=Path(folder) / "run")
        accuracy = run.evaluations["test"].metrics["accuracy"].value
        seconds = round(time.process_time() - started)
        print(
            json.dumps({"channels": channels, "size": size, "accuracy": accuracy, "cpu_seconds": seconds}), flush=True
        )


if __name__ == "__main__":
    main()
