"""Pictures of several classes: stripes in ten directions, or photographs of PACS below HEADSTART_SHARED."""

import os
import random
from pathlib import Path
from typing import Any

import numpy as np

SIZES = {"train": 200, "validation": 60, "test": 100}


def pictures(side: int) -> dict[str, tuple[Any, Any]]:
    """Return pictures, arrays [N, H, W, 3] or paths, with their classes, by split."""
    if shared := os.environ.get("HEADSTART_SHARED"):
        files = sorted(Path(shared).glob("data/image/pacs/photo/*/*"))
        random.Random(0).shuffle(files)
        parts = {name: [files.pop() for _ in range(size)] for name, size in SIZES.items()}
        return {name: (part, [file.parent.name for file in part]) for name, part in parts.items()}
    return {name: stripes(size, side, seed) for seed, (name, size) in enumerate(SIZES.items())}


def stripes(rows: int, side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw noisy stripes of any phase, whose direction is the class."""
    draw = np.random.default_rng(seed)
    y = draw.integers(0, 10, rows)
    down, right = np.mgrid[:side, :side]
    angle, shift = (y * np.pi / 10)[:, None, None], draw.uniform(0, 6, rows)[:, None, None]
    wave = np.sin(down * np.cos(angle) + right * np.sin(angle) + shift)  # [N, H, W]
    noise = draw.normal(0, 40, (rows, side, side, 3))
    return (128 + 60 * wave[..., None] + noise).clip(0, 255).astype(np.uint8), y
