"""Pictures of masks: decisions in colours over an example, and files as labels are."""

from __future__ import annotations

import base64
import colorsys
import io

import numpy as np
from PIL import Image

SIDE = 160  # pixels of the longer side of a picture that lies over an example
SHADE = 140  # of 255: how little is clear in it
GOLDEN = 0.618034  # of the circle of hues, between one class and the next


def colours(count: int) -> np.ndarray:
    """Choose a colour for each of so many classes, [C, 3] uint8: hues far apart, in three lightnesses."""
    chosen = [(place * GOLDEN % 1.0, (0.5, 0.4, 0.65)[place % 3], 0.75) for place in range(count)]
    return np.array([[255 * part for part in colorsys.hls_to_rgb(*each)] for each in chosen]).astype(np.uint8)


def overlay(places: np.ndarray, decided: np.ndarray, classes: int) -> str:
    """Draw a picture that lies over an example.

    Args:
        places: The label, [H, W]; its borders are drawn in white.
        decided: What was decided, [h, w]; it is drawn in the colours of its classes, half clear.
        classes: How many there are.

    Returns:
        A data URI.
    """
    height, width = places.shape
    scale = SIDE / max(places.shape)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shade = np.full((*size[::-1], 1), SHADE)
    drawn = np.concatenate([colours(classes)[laid(decided, size)], shade], axis=2).astype(np.uint8)
    drawn[_borders(laid(places, size))] = 255
    return f"data:image/png;base64,{base64.b64encode(png(drawn)).decode('ascii')}"


def shaded(picture: Image.Image, decided: np.ndarray, classes: int) -> Image.Image:
    """Lay decisions [h, w] over a picture in the colours of their classes, half clear; it is given back in RGB."""
    own = picture.convert("RGB")
    return Image.blend(own, Image.fromarray(colours(classes)[laid(decided, own.size)]), SHADE / 255)


def laid(decided: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring decisions [h, w] to a width and a height, by the nearest pixel."""
    picture = Image.fromarray(np.ascontiguousarray(decided, dtype=np.uint8))
    return np.asarray(picture if picture.size == size else picture.resize(size, Image.Resampling.NEAREST))


def png(pixels: np.ndarray) -> bytes:
    """Write pixels as the bytes of a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _borders(places: np.ndarray) -> np.ndarray:
    """Find the pixels whose right or lower neighbour is of another class, [H, W] bool."""
    edge = np.zeros(places.shape, dtype=bool)
    edge[:, :-1] |= places[:, :-1] != places[:, 1:]
    edge[:-1] |= places[:-1] != places[1:]
    return edge
