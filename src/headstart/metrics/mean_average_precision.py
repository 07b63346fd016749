"""Mean average precision of boxes over thresholds of IoU from 0.5 to 0.95 (COCO's AP, arXiv:1405.0312)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.metrics._of_boxes import OfBoxes


@dataclass(frozen=True)
class MeanAveragePrecision(OfBoxes):
    """COCO's average precision of boxes, mean over IoU 0.50 to 0.95 and over classes with a label."""

    title: ClassVar[str] = "mAP"
    thresholds: ClassVar[tuple[int, ...]] = tuple(range(10))
