"""Mean average precision of boxes at an IoU of 0.5: PASCAL's threshold (Everingham et al. 2010), COCO's curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.metrics._of_boxes import OfBoxes


@dataclass(frozen=True)
class MeanAveragePrecision50(OfBoxes):
    """COCO's average precision of boxes at IoU 0.5, mean over classes with a label."""

    title: ClassVar[str] = "mAP@0.5"
    thresholds: ClassVar[tuple[int, ...]] = (0,)
