"""Look at all the data once before any slow work: every bad row is found, and listed in one error."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from headstart.core.errors import DataError, Problem
from headstart.core.types import Modality
from headstart.data.images import count_frames, open_image
from headstart.data.rows import Rows

T = TypeVar("T")
V = TypeVar("V")


def for_all(parts: Mapping[str, T], work: Callable[[T], V]) -> dict[str, V]:
    """Do the same with every split, and put what is wrong in any of them into one error.

    Args:
        parts: Anything by split.
        work: What to do with each.

    Returns:
        The results by split.

    Raises:
        DataError: `work` raised one; it lists the problems of all splits.
    """
    results: dict[str, V] = {}
    errors: list[DataError] = []
    for name, part in parts.items():
        try:
            results[name] = work(part)
        except DataError as error:
            errors.append(error)
    if errors:
        raise DataError(" ".join(dict.fromkeys(e.summary for e in errors)), [p for e in errors for p in e.problems])
    return results


def digests(parts: Mapping[str, Rows], modality: Modality) -> tuple[dict[str, list[bytes]], list[str]]:
    """Hash the content of every row, and decode every image wholly while at it.

    Args:
        parts: Rows by split.
        modality: What the rows are.

    Returns:
        SHA-256 of each row's content by split (of an image file: of its bytes), and notes.

    Raises:
        DataError: Images cannot be used; all are listed.
    """
    if modality != "image":
        return {name: _digests(rows.inputs) for name, rows in parts.items()}, []
    every = [(row, item) for rows in parts.values() for row, item in zip(rows.ids, rows.inputs, strict=True)]
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool,
    ):  # Pillow decodes outside the GIL
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        looked = list(pool.map(_look, *zip(*every, strict=True))) if every else []
    problems = [problem for _, _, found in looked for problem in found]
    if problems:
        raise DataError(f"{len(problems)} images cannot be used:", problems)
    animated = sum(frames > 1 for _, frames, _ in looked)
    notes = [f"{animated} animated or many-page images: the first frame of each is used"] if animated else []
    found = iter(digest for digest, _, _ in looked)
    return {name: [next(found) for _ in rows.ids] for name, rows in parts.items()}, notes


def check_repeats(
    train: list[bytes], test: Rows, test_digests: list[bytes], train_ids: Sequence[str], modality: Modality
) -> list[str]:
    """Compare training and test rows by content.

    Args:
        train: Digests of the training rows.
        test: The test rows.
        test_digests: Their digests.
        train_ids: The names of the training rows.
        modality: What the rows are; files must not repeat, other rows may.

    Returns:
        Notes: how many rows repeat.

    Raises:
        DataError: A test image is the same file as a training image; all are listed.
    """
    first = dict(zip(reversed(train), reversed(train_ids), strict=True))
    same = [(test.ids[i], first[d], test.inputs[i]) for i, d in enumerate(test_digests) if d in first]
    files = [
        Problem(row, f"is the same file as {twin} in training", "delete one of them")
        for row, twin, item in same
        if isinstance(item, Path)
    ]
    if files:
        raise DataError("Test images must not occur in training:", files)
    what = "text" if modality == "text" else "content"
    return [f"{len(same)} of {len(test)} test rows have the same {what} as a training row"] if same else []


def _look(row: str, item: Any) -> tuple[bytes, int, list[Problem]]:
    try:
        content = item.read_bytes() if isinstance(item, Path) else item
    except OSError as error:
        return b"", 1, [Problem(row, f"cannot be read: {error.strerror or error}")]
    try:
        open_image(content, near=1, where=row)
    except DataError as error:
        return b"", 1, error.problems
    frames = count_frames(content) if isinstance(content, bytes) else 1
    return _digest(content), frames, []


def _digests(items: Any) -> list[bytes]:
    """Hash each example; of an array [N, D] each row as `_digest` would, with its dtype and shape written once."""
    if not isinstance(items, np.ndarray) or items.ndim < 2:
        return [_digest(item) for item in items]
    start = f"{items.dtype}{items.shape[1:]}".encode()
    return [hashlib.sha256(start + row.tobytes()).digest() for row in items]


def _digest(item: Any) -> bytes:
    if isinstance(item, bytes):
        return hashlib.sha256(item).digest()
    if isinstance(item, Image.Image):
        return hashlib.sha256(f"{item.mode}{item.size}".encode() + item.tobytes()).digest()
    if isinstance(item, np.ndarray):
        return hashlib.sha256(f"{item.dtype}{item.shape}".encode() + item.tobytes()).digest()
    return hashlib.sha256(repr(item).encode()).digest()
