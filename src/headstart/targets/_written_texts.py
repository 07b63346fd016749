"""Texts as bytes: a label is [n] uint8 of UTF-8, an output a row of them that zeros fill up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

END = "\0"  # fills up, so that no text may hold it
MARK = 0xFF  # which is in no text: behind it, and behind an END, stands how likely the label is
TAIL = 2 + 4 + 4  # bytes of END, MARK, the nats of the label, and its tokens


def packed(text: str) -> np.ndarray:
    """Write a text as bytes, [n] uint8."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


def filled(texts: Iterable[np.ndarray], width: int | None = None) -> np.ndarray:
    """Put texts below each other, [N, width] uint8; longer ones are cut. Without a width the longest has room."""
    rows = list(texts)
    most = max(1, *map(len, rows)) if width is None else width
    found = np.zeros((len(rows), most), dtype=np.uint8)
    for row, text in zip(found, rows, strict=True):
        row[: len(text)] = text[:most]
    return found


def texts_of(rows: Sequence[Any] | np.ndarray) -> list[str]:
    """Read texts from rows of bytes; a character of which a part was cut is left out."""
    return [
        np.asarray(row).astype(np.uint8).tobytes().decode("utf-8", errors="ignore").partition(END)[0] for row in rows
    ]


def scored(rows: torch.Tensor, nats: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Put how likely labels are behind answers.

    Args:
        rows: The answers, [B, width] uint8.
        nats: -log p of each label, [B].
        tokens: That it is made of, [B].

    Returns:
        [B, width + TAIL] uint8.
    """
    import torch

    mark = rows.new_tensor([0, MARK]).expand(len(rows), 2)
    figures = torch.stack([nats.float(), tokens.float()], dim=1).contiguous().view(torch.uint8)
    return torch.cat([rows, mark, figures], dim=1)


def scores_of(rows: Sequence[Any] | np.ndarray) -> np.ndarray | None:
    """Read the nats and tokens of labels, [N, 2] float64, from what `scored` gave; None of rows of texts alone."""
    known = np.asarray(rows)
    if known.ndim != 2 or known.shape[1] < TAIL or (known[:, -TAIL:][:, :2] != [0, MARK]).any():
        return None
    return np.ascontiguousarray(known[:, 2 - TAIL :]).view(np.float32).astype(np.float64)
