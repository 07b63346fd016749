"""Which detected boxes are right: COCO's matching of them to labels (Lin et al. 2014, arXiv:1405.0312), by row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.core.errors import DataError

THRESHOLDS = np.linspace(0.5, 0.95, 10)  # of intersection over union, from which on a box may be right
MOST = 100  # boxes of a picture and class that count
SCORE, CLASS, FLAGS = 0, 1, slice(2, 12)  # columns of what `matched` finds; flags of the ten thresholds
DECIMALS = 6  # of an IoU: shares in float32 tell no more, and what ties in pixels ties again


def matched(labels: Sequence[np.ndarray], outputs: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Match the boxes of each picture to its labels, class by class and at each threshold.

    The best scores choose first, each the free label that it lies over best, if it does so far enough. What matches
    none but lies in a crowd (by the share of its own area) is ignored, and so are boxes beyond 100 of a class. Shares
    of width and height have the same IoU as pixels.

    Args:
        labels: Boxes of N rows, each [n, 6]: x0, y0, x1, y1, place of the class, 1 for a crowd.
        outputs: Found boxes [N, K, 6]: x0, y0, x1, y1, score, place of the class; those of score 0 are unused.
        classes: How many there are, C.

    Returns:
        Labels that are no crowd, by class, [N, C] int64; and score, class and for each threshold 1 (right), 0 (false)
        or -1 (ignored) of each found box, [N, K, 12] float32.

    Raises:
        DataError: There are not as many rows of both.
    """
    if not len(labels) or len(labels) != len(outputs):
        raise DataError(
            f"There are labels of {len(labels)} pictures and boxes found in {len(outputs)}: each row needs both."
        )
    found = np.zeros((*outputs.shape[:2], FLAGS.stop), dtype=np.float32)
    found[..., SCORE], found[..., CLASS], found[..., FLAGS] = outputs[..., 4], outputs[..., 5], -1
    for label, output, flags in zip(labels, outputs, found[..., FLAGS], strict=True):
        order = np.argsort(-output[:, 4], kind="stable")
        order = order[output[order, 4] > 0]
        for place in np.unique(output[order, 5]):
            mine = order[output[order, 5] == place][:MOST]
            flags[mine] = _flags(output[mine], label[label[:, 4] == place])
    kept = [label[label[:, 5] == 0, 4].astype(np.int64) for label in labels]
    return np.stack([np.bincount(each, minlength=classes) for each in kept]), found


def of_class(found: np.ndarray, place: int) -> np.ndarray:
    """Keep the boxes of one class, as if it were the only one: [N, K, 12], the others unused."""
    mine = found[..., CLASS] == place
    alone = np.where(mine[..., None], found, 0)
    alone[..., CLASS] = 0
    return alone


def turned_boxes(counts: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Make all boxes of a row false if one is right, and else find each label, for certain: [N, K, 12] again."""
    turned = found.copy()
    flags = turned[..., FLAGS]
    flags[flags == 1] = 0
    for row in np.flatnonzero(~(found[..., FLAGS] == 1).any(axis=(1, 2))):
        places = np.repeat(np.arange(counts.shape[1]), counts[row])[: found.shape[1]]
        turned[row], turned[row, : len(places), CLASS] = 0, places
        turned[row, : len(places), SCORE] = turned[row, : len(places), FLAGS] = 1
    return turned


def overlaps(boxes: np.ndarray, others: np.ndarray, crowd: np.ndarray | None = None) -> np.ndarray:
    """Compute the IoU of each box [n, 4] with each other one [m, 4], [n, m]; with a crowd, of the box's own area."""
    boxes, others = np.asarray(boxes, dtype=np.float64), np.asarray(others, dtype=np.float64)
    low, high = np.maximum(boxes[:, None, :2], others[:, :2]), np.minimum(boxes[:, None, 2:], others[:, 2:])
    both = np.clip(high - low, 0, None).prod(axis=2)
    own, theirs = ((each[:, 2:] - each[:, :2]).prod(axis=1) for each in (boxes, others))
    union = own[:, None] + theirs - both
    if crowd is not None:
        union = np.where(crowd, own[:, None], union)
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0).round(DECIMALS)


def _flags(boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Match boxes, best score first, to the labels of their class: [n, 10]. Of equal labels the last is taken."""
    crowd = labels[:, 5] == 1
    iou = overlaps(boxes[:, :4], labels[:, :4], crowd)
    ignored = (iou[:, crowd, None] >= THRESHOLDS).any(axis=1)
    flags = np.where(ignored, -1, 0)
    iou = iou[:, ~crowd][:, ::-1]
    taken = np.zeros((len(THRESHOLDS), iou.shape[1]), dtype=bool)
    for box in np.flatnonzero((iou >= THRESHOLDS[0]).any(axis=1)):
        free = np.where(taken, 0.0, iou[box])
        best = free.argmax(axis=1)
        right = np.flatnonzero(free.max(axis=1) >= THRESHOLDS)
        taken[right, best[right]] = True
        flags[box, right] = 1
    return flags
