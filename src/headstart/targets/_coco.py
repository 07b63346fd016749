"""The box of an annotation of COCO (cocodataset.org/#format-data)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.targets._boxes import BadBoxes, finite


def corners_of(annotation: Mapping[str, Any]) -> list[float]:
    """Return the corners of an annotation.

    Args:
        annotation: Has `bbox` (x, y, width, height), or polygons [x, y, x, y, …], around which the box is laid.

    Returns:
        x0, y0, x1, y1.

    Raises:
        BadBoxes: It has neither, or some that are no numbers.
    """
    box, shape = annotation.get("bbox"), annotation.get("segmentation")
    if isinstance(box, list) and box:
        if len(box) != 4 or not all(map(finite, box)):
            raise BadBoxes(f"bbox is {box}, not 4 numbers")
        x, y, width, height = box
        return [x, y, x + width, y + height]
    polygons = [each for each in shape if isinstance(each, list)] if isinstance(shape, list) else []
    xs, ys = ([value for each in polygons for value in each[axis::2]] for axis in (0, 1))
    if not xs or len(xs) != len(ys) or not all(map(finite, [*xs, *ys])):
        raise BadBoxes("has neither a bbox nor a polygon of numbers")
    return [min(xs), min(ys), max(xs), max(ys)]
