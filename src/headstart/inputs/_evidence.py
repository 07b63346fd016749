"""What spoke for an answer, in an example: pieces of texts and of rows that can be left out, heat over a picture."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image as Pillow

from headstart.core.cells import missing
from headstart.inputs._scripts import unspaced

MOST_PIECES = 24  # of a text: a longer one is cut into phrases
MOST_COLUMNS = 256
MOST_LISTED = 6  # columns
MOST_SIGNS = 400
SAMPLE = 1000  # rows by which a usual value is found
HEAT_SIDE = 80  # pixels of a heat map
DARKEST = 150  # of 255: the shade where there is no heat


def text_pieces(item: Any) -> list[tuple[str, Any]]:
    """Cut a text, or both of a pair, into words or phrases.

    Args:
        item: A text or a pair of texts.

    Returns:
        Each piece, with a space before it where the text has one, and the item without it; nothing for one word.
    """
    texts = [item] if isinstance(item, str) else list(item)
    units = [re.findall(r"\s*\S" if unspaced([text]) else r"\s*\S+", text) for text in texts]
    size = -(-sum(map(len, units)) // MOST_PIECES)
    found = []
    for place, words in enumerate(units):
        if len(words) < 2:
            continue
        for start in range(0, len(words), max(size, 1)):
            left = "".join([*words[:start], *words[start + size :]]).strip()
            if not left:
                continue
            without = left if isinstance(item, str) else (*texts[:place], left, *texts[place + 1 :])
            piece = "".join(words[start : start + size])
            space = " " if start and piece[0].isspace() else ""
            found.append((("⏎ " if place and not start else space) + piece.strip(), without))
    return found


def cut_pieces(pieces: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Keep the beginning of a text, and after it the strongest piece where that is further on."""
    shown, signs = [], 0
    for piece in pieces:
        signs += len(piece[0]) + 1
        if signs > MOST_SIGNS:
            break
        shown.append(piece)
    if len(shown) == len(pieces):
        return shown
    strongest = max(pieces, key=lambda piece: abs(piece[1]))
    later = [(" …", 0.0)] if strongest in shown else [(" …", 0.0), strongest, (" …", 0.0)]
    return [*shown, *later]


def column_pieces(item: Any, names: Sequence[str], rows: np.ndarray) -> list[tuple[str, Any]]:
    """Put in the place of each cell what is usual in its column: the median of numbers, else the commonest cell.

    Args:
        item: A row.
        names: Of its columns.
        rows: Others to compare with, [N, columns].

    Returns:
        Each column with its value, and the row without what is special in it; nothing for very many columns.
    """
    if not 1 < len(item) <= MOST_COLUMNS:
        return []
    found = []
    for place, (name, value) in enumerate(zip(names, item, strict=True)):
        without = item.copy()
        without[place] = _usual(rows[:: max(1, len(rows) // SAMPLE), place])
        shown = f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
        found.append((f"{name} = {shown}", without))
    return found


def overlay(heat: np.ndarray, size: tuple[int, int], box: tuple[float, float, float, float]) -> str:
    """Shade a picture, but for where there is heat.

    Args:
        heat: [h, w], from 0 to 1.
        size: Width and height of the picture.
        box: The part of it that the heat is of: left, top, right and bottom.

    Returns:
        A data URI of a picture of the same shape, which is clear where there is heat, and dark elsewhere.
    """
    scale = HEAT_SIDE / max(size)
    width, height = (max(1, round(scale * side)) for side in size)
    shade = Pillow.new("L", (width, height), DARKEST)
    left, top, right, bottom = (round(scale * edge) for edge in box)
    grid = Pillow.fromarray((DARKEST * (1 - np.sqrt(np.clip(heat, 0, 1)))).astype(np.uint8))
    shade.paste(grid.resize((max(right - left, 1), max(bottom - top, 1)), Pillow.Resampling.BILINEAR), (left, top))
    painted = Pillow.new("RGB", shade.size, 0)
    painted.putalpha(shade)
    buffer = io.BytesIO()
    painted.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _usual(cells: np.ndarray) -> Any:
    if cells.dtype.kind == "f":
        known = cells[~np.isnan(cells)]
        return np.median(known) if len(known) else np.nan
    values = [cell for cell in cells.tolist() if not missing(cell)]
    if values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return sorted(values)[(len(values) - 1) // 2]  # one that is there, as codes of classes may be numbers
    names = {value: values.count(value) for value in dict.fromkeys(values)}
    return max(names, key=lambda name: names[name]) if names else None
