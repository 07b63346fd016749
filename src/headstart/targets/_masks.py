"""Masks as labels: from files of values or colours to places in the class list, each kept as a PNG in its bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image as Pillow

from headstart.core.errors import first_few
from headstart.core.progress import track
from headstart.targets._legend import Value, written
from headstart.targets._mask_pictures import png

IGNORED = 255  # the place of pixels that nothing is learnt of, and the value that says so where there is no legend
MOST = 255  # classes
MIXED = ("JPEG", "WEBP", "AVIF")  # formats that change values
T = TypeVar("T")


class BadMask(Exception):
    """A mask cannot be used; says why."""


def values_of(cell: Any, *, colours: bool | None) -> np.ndarray:
    """Read the values of a mask.

    Args:
        cell: A path, the bytes of a file, a PIL image, or an array [H, W].
        colours: Whether the legend has colours; None where there is none.

    Returns:
        [H, W] int32 of grey values or palette indices, or [H, W, 3] of colours.

    Raises:
        BadMask: It cannot be read, or holds what the legend has not.
    """
    if isinstance(cell, np.ndarray):
        return cell.astype(np.int32)
    try:
        if isinstance(cell, Pillow.Image):
            found = _values(cell, colours=colours)
        else:
            with Pillow.open(io.BytesIO(cell) if isinstance(cell, bytes) else cell) as image:
                if image.format in MIXED:
                    raise BadMask(f"is a {image.format}, which mixes the values of pixels: save masks as PNG")
                found = _values(image, colours=colours)
    except (OSError, SyntaxError, ValueError) as error:
        raise BadMask(f"cannot be read as a mask: {error}") from error
    if found.ndim == 2:
        return found
    if not colours and (found == found[..., :1]).all():
        return found[..., 0]
    if colours is False:
        raise BadMask("holds colours, and the legend numbers")
    return found


def _values(image: Pillow.Image, *, colours: bool | None) -> np.ndarray:
    """Read grey values or palette indices [H, W], or colours [H, W, 3], int32."""
    if image.mode in ("P", "PA") and not colours:
        return np.asarray(image.getchannel(0) if image.mode == "PA" else image).astype(np.int32)
    if image.mode in ("1", "L") or image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int32)
        return np.repeat(values[..., None], 3, axis=2) if colours else values
    return np.asarray(image.convert("RGB")).astype(np.int32)


def found_in(values: np.ndarray) -> set[Value]:
    """Return the values that a mask holds."""
    return (
        {tuple(map(int, row)) for row in np.unique(_flat(values), axis=0)}
        if values.ndim == 3
        else {(int(value),) for value in np.unique(values)}
    )


def as_places(values: np.ndarray, known: Sequence[Value], ignored: Sequence[Value]) -> np.ndarray:
    """Put the place of each pixel's class for its value.

    Args:
        values: What `values_of` gave.
        known: The value of each class.
        ignored: The values of no class.

    Returns:
        [H, W] uint8.

    Raises:
        BadMask: Pixels have a value of no class.
    """
    every = [*known, *ignored]
    places = np.array([*range(len(known)), *[IGNORED] * len(ignored)], dtype=np.uint8)
    codes, own = _coded(np.array(every)[None] if values.ndim == 3 else np.array(every).T)[0], _coded(values)
    order = np.argsort(codes)
    at = order[np.searchsorted(codes, own, sorter=order).clip(max=len(codes) - 1)]
    if (strange := codes[at] != own).any():
        which = sorted(found_in(values[strange][None]))
        raise BadMask(
            f"has {int(strange.sum()):,} pixels of {'values' if len(which) > 1 else 'a value'} of no class: "
            f"{first_few((written(value) for value in which), '; ')}"
        )
    return places[at]


def packed_mask(places: np.ndarray) -> np.ndarray:
    """Keep places [H, W] uint8 as the bytes of a PNG, [L] uint8: a label that is small and lies over any picture."""
    return np.frombuffer(png(places), dtype=np.uint8)


def opened_mask(label: np.ndarray) -> Pillow.Image:
    """Open what `packed_mask` made; of a row without a label a mask whose one pixel is ignored."""
    return Pillow.open(io.BytesIO(label.tobytes())) if len(label) else Pillow.new("L", (1, 1), IGNORED)


def pixels_of(label: np.ndarray, classes: int) -> np.ndarray:
    """Count the pixels of each class in a label, [C]."""
    return np.array(_counted(label.tobytes()))[:classes]


@lru_cache(maxsize=8192)
def _counted(content: bytes) -> tuple[int, ...]:
    return tuple(np.bincount(np.asarray(Pillow.open(io.BytesIO(content))).ravel(), minlength=IGNORED + 1).tolist())


def in_threads(function: Callable[[Any], T], cells: Sequence[Any], what: str) -> list[T]:
    """Apply a function to every mask; Pillow decodes outside the GIL."""
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        return list(track(pool.map(function, cells), what, len(cells)))


def size_of(label: np.ndarray) -> tuple[int, int]:
    """Return width and height of the mask in a label."""
    return opened_mask(label).size


def is_mask(cell: Any) -> bool:
    """Return whether a cell may be a mask: a path, the bytes of a file, or a picture."""
    return isinstance(cell, Path | bytes | Pillow.Image)


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])


def _coded(values: np.ndarray) -> np.ndarray:
    """Write each pixel of [H, W], or of colours [H, W, 3], as one number, [H, W]."""
    wide = values.astype(np.int64)
    return wide if wide.ndim == 2 else (wide[..., 0] << 32) + (wide[..., 1] << 16) + wide[..., 2]
