"""The demo's data: scikit-learn's handwritten digits as image folders (Alpaydin & Kaynak 1998, 1,797 real images)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core.seeding import numpy_generator

TEST_A_CLASS = 80
SIDE = 16  # pixels of a picture; each digit, 8 x 8, stands at a random place in it, the same each time


def write_digits(folder: Path, labels_a_class: Sequence[int], seeds: int) -> None:
    """Write the source task `source/` (digits 0 to 4) and the target tasks `target/K-a-class-SEED/` (5 to 9).

    Every target task has the same test images; its training images are K a class, drawn by its seed.

    Args:
        folder: Is made.
        labels_a_class: The numbers K.
        seeds: How many draws for each K.
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # [1797, 8, 8], from 0..16
    labels: np.ndarray = digits.target

    def write(places: np.ndarray, split: Path) -> None:
        for place in places:
            path = split / str(labels[place]) / f"{place:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            top, left = numpy_generator("demo", "place", int(place)).integers(0, SIDE - 8 + 1, size=2)
            picture = np.zeros((SIDE, SIDE), dtype=np.uint8)
            picture[top : top + 8, left : left + 8] = pixels[place]
            Image.fromarray(picture).save(path)

    write(np.flatnonzero(labels < 5), folder / "source")
    order = numpy_generator("demo", "test").permutation(np.flatnonzero(labels >= 5))
    by_class = {digit: order[labels[order] == digit] for digit in range(5, 10)}
    test = np.concatenate([places[:TEST_A_CLASS] for places in by_class.values()])
    write(test, folder / "target" / "test")
    for shots in labels_a_class:
        for seed in range(seeds):
            task = folder / "target" / f"{shots}-a-class-{seed}"
            drawn = [
                numpy_generator("demo", shots, seed, digit).permutation(places[TEST_A_CLASS:])[:shots]
                for digit, places in by_class.items()
            ]
            write(np.concatenate(drawn), task / "train")
            shutil.copytree(folder / "target" / "test", task / "test")
    shutil.rmtree(folder / "target" / "test")
