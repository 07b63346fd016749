"""Boxes as they are shown: a view moves the pixels of a picture, and its boxes go where their pixels go."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image

from headstart.core.task import Show

SIDE = 512  # squares of the ruler along each axis
SAMPLES = 16  # pixels along each axis by which a way is measured
SEEN = 0.25  # the least share of a box that is in sight where it is still learnt


def shown_boxes(label: np.ndarray, show: Show) -> np.ndarray:
    """Move boxes as a view moves their picture.

    A picture whose pixels say where they are is shown instead; the affine map that fits best says where corners go.
    Pictures that are not squeezed as a whole have to be opened by the view.

    Args:
        label: Boxes as shares, with classes and crowds: [n, 6] float32.
        show: Shows a picture that lies over the row.

    Returns:
        Those that are in sight, cut to what is shown, [m, 6]. Of which less than a quarter is left becomes a crowd.
    """
    if not len(label):
        return label
    near, step = _way(np.asarray(show(_ruler())))
    low, high = label[:, :2].astype(np.float64), label[:, 2:4].astype(np.float64)
    corners = np.stack([low, np.stack([high[:, 0], low[:, 1]], 1), high, np.stack([low[:, 0], high[:, 1]], 1)], 1)
    moved = (corners - near) @ np.linalg.inv(step).T  # [n, 4, 2] as shares of what is shown
    low, high = moved.min(axis=1), moved.max(axis=1)
    areas = (high - low).prod(axis=1)
    cut = np.concatenate([low.clip(0, 1), high.clip(0, 1)], axis=1)
    left = (cut[:, 2:] - cut[:, :2]).prod(axis=1) / np.maximum(areas, 1e-12)
    crowd = np.maximum(label[:, 5], left < SEEN)
    return np.concatenate([cut, label[:, 4:5], crowd[:, None]], axis=1).astype(np.float32)[left > 0]


def _way(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find where a view takes pixels from: a point of what is shown, as shares p, lies at `near` + `step` p.

    Args:
        pixels: The ruler as it is shown, [H, W, 3] uint8.

    Returns:
        `near` [2] and `step` [2, 2].
    """
    height, width = pixels.shape[:2]
    rows, columns = (np.unique(np.linspace(0, each - 1, SAMPLES).astype(int)) for each in (height, width))
    taken = pixels[np.ix_(rows, columns)].astype(np.int64)
    x, y = taken[..., 0] + 256 * (taken[..., 2] & 15), taken[..., 1] + 256 * (taken[..., 2] >> 4)
    down, across = np.meshgrid((rows + 0.5) / height, (columns + 0.5) / width, indexing="ij")
    there = np.stack([np.ones(x.size), across.ravel(), down.ravel()], axis=1)
    here = np.stack([(x.ravel() + 0.5) / SIDE, (y.ravel() + 0.5) / SIDE], axis=1)
    found = np.linalg.lstsq(there, here, rcond=None)[0]  # [3, 2]
    return found[0], found[1:].T


@cache
def _ruler() -> Image.Image:
    """Draw a picture of squares, each of which says in its colour where it is."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return Image.fromarray(np.stack([x & 255, y & 255, (x >> 8) | (y >> 8) << 4], axis=2).astype(np.uint8))
