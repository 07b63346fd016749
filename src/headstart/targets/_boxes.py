"""Boxes as labels: a cell is JSON text, [{"class": "RBC", "box": [x0, y0, x1, y1]}, …], in pixels of its picture.

x1 and y1 are the edges behind the last pixel. "crowd": true marks a box that is neither learnt nor counted (iscrowd of
COCO, difficult of Pascal VOC); "score" is of a prediction. Cells in memory may be that list itself, or torchvision's
{"boxes": [N, 4], "labels": [N]}.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

BEGINS = re.compile(r'\s*\[\s*(\]\s*$|\{[^{}]*?"(class|box)"\s*:)')
DIGITS = 2  # of coordinates: 0.01 pixel


class BadBoxes(ValueError):
    """A cell holds no boxes, or some that cannot be used; says why."""


class Parsed(NamedTuple):
    """The N boxes of a picture. scores is None where they have none."""

    classes: tuple[str, ...]
    corners: np.ndarray  # [N, 4] float64: x0, y0, x1, y1
    crowd: np.ndarray  # [N] bool
    scores: np.ndarray | None  # [N] float64


def is_boxes(cell: Any) -> bool:
    """Return whether a cell is meant to hold boxes, by its beginning: `parsed` says what is wrong with the rest."""
    if isinstance(cell, str):
        return BEGINS.match(cell) is not None
    if isinstance(cell, Mapping):
        return {"boxes", "labels"} <= cell.keys()
    return isinstance(cell, list) and all(isinstance(box, Mapping) and {"class", "box"} <= box.keys() for box in cell)


def parsed(cell: Any) -> Parsed:
    """Read the boxes of a cell.

    Args:
        cell: JSON text, the list that is written in it, or a dict of torchvision's.

    Returns:
        The boxes.

    Raises:
        BadBoxes: It holds something else, or a box has no class, no size, or a coordinate that is no finite number.
    """
    if isinstance(cell, Mapping):
        cell = in_text(cell)
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError) as error:
            raise BadBoxes(f"is not JSON: {error}") from error
    if not isinstance(cell, list):
        raise BadBoxes(f"is no list of boxes, but {type(cell).__name__}")
    boxes = [_box(box, place) for place, box in enumerate(cell, 1)]
    scores = [box.get("score") for box in cell]
    scored = [score is not None for score in scores]
    if any(scored) and not all(map(finite, scores)):
        place = next(place for place, score in enumerate(scores) if not finite(score))
        raise BadBoxes(f"box {place + 1} has the score {scores[place]}, and others have numbers")
    return Parsed(
        tuple(name for name, _ in boxes),
        np.array([corners for _, corners in boxes], dtype=np.float64).reshape(-1, 4),
        np.array([bool(box.get("crowd")) for box in cell], dtype=bool),
        np.array(scores, dtype=np.float64) if any(scored) else None,
    )


def _box(box: Any, place: int) -> tuple[str, list[float]]:
    """Check one box: its class and its corners."""
    if not isinstance(box, Mapping) or not {"class", "box"} <= box.keys():
        raise BadBoxes(f'box {place} is not {{"class": …, "box": [x0, y0, x1, y1]}}')
    name, corners = str(box["class"]).strip(), box["box"]
    if box["class"] is None or not name:
        raise BadBoxes(f"box {place} has no class")
    if not isinstance(corners, list | tuple) or len(corners) != 4 or not all(map(finite, corners)):
        raise BadBoxes(f"box {place} of class {name} is {corners}, not 4 numbers")
    x0, y0, x1, y1 = corners
    if x1 <= x0 or y1 <= y0:
        raise BadBoxes(f"box {place} of class {name} has no size: x {x0} to {x1}, y {y0} to {y1}")
    return name, list(corners)


def finite(value: Any) -> bool:
    """Return whether a value is a finite number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def written(
    classes: Sequence[str],
    corners: np.ndarray | Sequence[Sequence[float]],
    crowd: np.ndarray | Sequence[bool] | None = None,
    scores: np.ndarray | Sequence[float] | None = None,
) -> str:
    """Write boxes as the text of a cell.

    Args:
        classes: The class of each of N boxes.
        corners: x0, y0, x1, y1 of each, [N, 4]; rounded to 0.01 pixel.
        crowd: Which are neither learnt nor counted, [N].
        scores: Of predictions, [N].

    Returns:
        The text, which `parsed` reads.
    """
    boxes: list[dict[str, Any]] = []
    for place, (name, box) in enumerate(zip(classes, corners, strict=True)):
        boxes.append({"class": str(name), "box": [_short(float(value)) for value in box]})
        if crowd is not None and crowd[place]:
            boxes[-1]["crowd"] = True
        if scores is not None:
            boxes[-1]["score"] = round(float(scores[place]), 6)
    return json.dumps(boxes, ensure_ascii=False)


def in_text(cell: Mapping[str, Any]) -> str:
    """Write boxes in torchvision's form as the text of a cell; classes are called by their labels.

    Args:
        cell: boxes [N, 4], labels [N], and perhaps iscrowd and scores [N], as arrays, tensors or lists.

    Returns:
        The text.

    Raises:
        BadBoxes: The parts are not of these shapes.
    """
    try:
        corners = np.asarray(cell["boxes"], dtype=np.float64).reshape(-1, 4)
        labels, *more = [
            None if cell.get(key) is None else np.asarray(cell[key]) for key in ("labels", "iscrowd", "scores")
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise BadBoxes(f"boxes are not 4 numbers each: {error}") from error
    if labels is None or any(part is not None and part.shape != (len(corners),) for part in (labels, *more)):
        raise BadBoxes(f"has {len(corners)} boxes, and another number of labels")
    return written(labels.tolist(), corners, *more)


def _short(value: float) -> float | int:
    """Round a coordinate, to a whole number where it is one."""
    value = round(value, DIGITS)
    return int(value) if value.is_integer() else value
