"""Boxes are matched and average precision is computed as COCO does, and quickly for many resamples."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import pytest

from headstart.evaluation.edges import edge_interval
from headstart.metrics._find import load, value
from headstart.metrics._matching import FLAGS, matched, overlaps, turned_boxes
from headstart.metrics._measured import Measured
from headstart.metrics._of_boxes import average_precisions, ranked_boxes
from metrics.cases import found_boxes, perfect, random, random_boxes, worst

SIZES = [(640, 480), (97, 61), (300, 300)]  # pixels of pictures


def labels(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 6)


def outputs(*pictures: list[tuple[float, ...]]) -> np.ndarray:
    """Found boxes as (score, x0, y0, x1, y1) or with a class behind."""
    found = np.zeros((len(pictures), max(map(len, pictures)), 6), np.float32)
    for row, boxes in zip(found, pictures, strict=True):
        for place, (score, x0, y0, x1, y1, *kind) in enumerate(boxes):
            row[place] = (x0, y0, x1, y1, score, *(kind or [0]))
    return found


def measured(made: tuple[np.ndarray, np.ndarray]) -> Measured:
    return Measured("boxes", tuple(f"c{i}" for i in range(made[0].shape[1])), *made)


def both(made: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    return value(load("mean_average_precision"), measured(made)), value(load("map_50"), measured(made))


def test_overlaps_are_shares_of_the_union_and_of_crowds_of_the_own_area() -> None:
    box, others = [[0, 0, 0.4, 0.2]], [[0.2, 0, 0.6, 0.2], [0, 0, 1, 1], [0.5, 0.5, 1, 1]]
    assert overlaps(np.array(box), np.array(others))[0] == pytest.approx([1 / 3, 0.08, 0], abs=1e-6)
    crowd = np.array([False, True, True])
    assert overlaps(np.array(box), np.array(others), crowd)[0] == pytest.approx([1 / 3, 1, 0], abs=1e-6)


def test_average_precision_by_hand() -> None:
    """Two pictures of one label each. The best box misses, the others hit: one at IoU 1, one at 0.75.

    At IoU up to 0.75 precisions are 0, 1/2, 2/3: 2/3 from each recall on. Above, 0, 1/2, 1/3: 1/2 up to recall 1/2,
    which are 51 of the 101 recalls.
    """
    made = matched(
        [labels((0, 0, 0.4, 0.4, 0, 0)), labels((0, 0, 0.4, 0.4, 0, 0))],
        outputs([(0.9, 0.6, 0.6, 0.9, 0.9), (0.8, 0, 0, 0.4, 0.4)], [(0.7, 0, 0, 0.4, 0.3)]),
        classes=1,
    )
    assert both(made) == pytest.approx(((6 * 2 / 3 + 4 * 51 / 101 / 2) / 10, 2 / 3))
    assert value(load("map_50"), measured(made)) == pytest.approx(2 / 3)


def test_a_label_is_found_once_and_by_the_best_score() -> None:
    """The better score lies at IoU 0.6, the other at 1: the second is false up to 0.6 and the only one right above."""
    made = matched([labels((0, 0, 0.5, 1, 0, 0))], outputs([(0.9, 0, 0, 0.3, 1), (0.8, 0, 0, 0.5, 1)]), classes=1)
    assert made[1][0, :, FLAGS].tolist() == [[1] * 3 + [0] * 7, [0] * 3 + [1] * 7]


def test_each_box_takes_the_free_label_that_it_lies_over_best() -> None:
    near, far = (0, 0, 0.5, 1, 0, 0), (0, 0, 0.4, 1, 0, 0)
    made = matched([labels(far, near)], outputs([(0.9, 0, 0, 0.5, 1), (0.8, 0, 0, 0.5, 1)]), classes=1)
    assert made[1][0, 0, FLAGS].tolist() == [1] * 10 and made[1][0, 1, FLAGS].tolist() == [1] * 7 + [0] * 3


def test_an_overlap_at_a_threshold_reaches_it_whatever_float32_makes_of_shares() -> None:
    """Of ten pixels the label has three and the box three, two of them both: 2/4. As shares it is 0.49999994."""
    made = matched([labels((0.2, 0, 0.5, 1, 0, 0))], outputs([(0.9, 0.3, 0, 0.6, 1)]), classes=1)
    assert made[1][0, 0, FLAGS].tolist() == [1] + [0] * 9


def test_of_labels_that_a_box_lies_over_equally_the_last_is_taken() -> None:
    """Both at 0.3 / 0.5, three thresholds: so the first label is free for the second box, which is it."""
    known = labels((0, 0, 0.4, 1, 0, 0), (0.2, 0, 0.6, 1, 0, 0))
    made = matched([known], outputs([(0.9, 0.1, 0, 0.5, 1), (0.8, 0, 0, 0.4, 1)]), classes=1)
    assert made[1][0, :, FLAGS].tolist() == [[1] * 3 + [0] * 7, [1] * 10]


def test_what_only_fits_a_crowd_is_ignored_as_often_as_it_comes() -> None:
    """A box of the label is right, though it lies in the crowd as well; one outside both is false."""
    known = labels((0, 0, 1, 0.5, 0, 1), (0, 0, 0.2, 0.2, 0, 0))
    inside = [(0.9, 0.5, 0, 0.8, 0.3), (0.8, 0.4, 0, 0.7, 0.3), (0.7, 0, 0, 0.2, 0.2), (0.6, 0.5, 0.6, 0.8, 0.9)]
    counts, found = matched([known], outputs(inside), classes=1)
    assert counts.tolist() == [[1]] and found[0, :, FLAGS][:, 0].tolist() == [-1, -1, 1, 0]
    assert both((counts, found)) == (1, 1)


def test_labels_of_another_class_are_none() -> None:
    made = matched([labels((0, 0, 0.5, 0.5, 1, 0))], outputs([(0.9, 0, 0, 0.5, 0.5, 0)]), classes=3)
    assert made[0].tolist() == [[0, 1, 0]] and (made[1][0, 0, FLAGS] == 0).all()
    assert both(made) == (0, 0)  # of the one class that has a label
    assert np.isnan(both(matched([labels()], outputs([(0.9, 0, 0, 0.5, 0.5)]), classes=1))).all()


def test_boxes_beyond_a_hundred_of_a_class_do_not_count() -> None:
    known = labels((0, 0, 0.5, 0.5, 0, 0))
    late = outputs([*((0.9, 0.6, 0.6, 0.9, 0.9) for _ in range(100)), (0.5, 0, 0, 0.5, 0.5)])
    assert both(matched([known], late, classes=1)) == (0, 0)
    assert both(matched([known], late[:, 1:], classes=1))[1] == pytest.approx(1 / 100)


def test_the_class_table_is_that_of_each_class_alone() -> None:
    rng = np.random.default_rng(3)
    known = [random_boxes(rng, 3) for _ in range(20)]
    counts, found = made = matched(known, noisy(rng, known), classes=3)
    each = average_precisions(counts, found, (0,))(np.ones((20, 1)))[:, 0, 0]
    assert [value(load("map_50"), measured(made).column(c)) for c in range(3)] == pytest.approx(each.tolist())
    scores, rows, flags = ranked_boxes(found, 1)
    assert (np.diff(scores) <= 0).all() and len(rows) == len(flags) == (found[..., 1][found[..., 0] > 0] == 1).sum()


def test_chunks_of_resamples_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    known = [random_boxes(rng, 2) for _ in range(20)]
    compute = average_precisions(*matched(known, noisy(rng, known), classes=2), range(10))
    weights = rng.integers(0, 3, (20, 7)).astype(float)
    whole = compute(weights)
    monkeypatch.setattr("headstart.metrics._of_boxes.CELLS", 200)
    assert compute(weights) == pytest.approx(whole, abs=1e-12)


def test_weights_that_are_no_whole_numbers_reach_the_last_recall() -> None:
    """A tenth, ten times, sums to less than 1 in float64."""
    found = perfect(random("boxes", 10, 3))
    assert load("map_50").weighted(found)(np.full((10, 1), 0.1)) == pytest.approx([1.0], abs=1e-9)


def test_where_nothing_is_right_an_interval_tells_what_could_be() -> None:
    """Rows turned over find their labels, after false boxes as sure: 28.3% of both, up to 29 of the 101 recalls."""
    found = worst("boxes", 9, 3)
    interval = edge_interval(load("map_50"), found, 0.95, 9)
    assert interval.value == interval.low == 0
    assert interval.high == pytest.approx((1 - 0.05 ** (1 / 9)) * 29 / 101)
    assert np.array_equal(turned_boxes(found.labels, found.predictions), found_boxes(found.labels, 1))


@pytest.mark.parametrize("whole", [False, True])  # pixels: boxes lie over two labels equally, and at thresholds exactly
@pytest.mark.parametrize("seed", range(6))
def test_it_is_faster_coco_eval(seed: int, whole: bool) -> None:
    """Several classes, crowds, pictures without labels or boxes, equal scores, more than 100 boxes of a class."""
    peer = pytest.importorskip("faster_coco_eval", reason="needs faster-coco-eval, to which mAP is compared")
    rng = np.random.default_rng(seed)
    known = [random_boxes(rng, 3, most=12) for _ in range(30)]
    sizes = [SIZES[place % 3] if not whole else (20, 10) for place in range(30)]
    found = noisy(rng, known, many=seed == 5)
    if whole:
        for label, output, (width, height) in zip(known, found, sizes, strict=True):
            for boxes in (label, output):
                boxes[:, :4] = (boxes[:, :4] * (side := np.array([width, height, width, height]))).round() / side
        found[..., 4] = found[..., 4].round(2)
    known[0][:, 5], known[1], found[2:4] = 1, labels(), 0
    expected = coco(peer, known, found, sizes)
    assert both(matched(known, found, classes=3)) == pytest.approx(expected, abs=1e-9)


def noisy(rng: np.random.Generator, known: list[np.ndarray], many: bool = False) -> np.ndarray:
    """Find boxes near labels, in falling order of scores, [N, K, 6]."""
    most = 140 if many else 30
    found = np.zeros((len(known), most, 6), np.float32)
    for row, label in zip(found, known, strict=True):
        boxes = np.repeat(label, rng.integers(0, most // max(1, len(label)) + 1, len(label)), axis=0)[:most]
        count = len(boxes)
        shifted = boxes[:, :4] + rng.choice([0, 0.02, 0.08], (count, 1)) * rng.normal(size=(count, 4))
        low, high = np.minimum(shifted[:, :2], shifted[:, 2:]), np.maximum(shifted[:, :2], shifted[:, 2:]) + 0.01
        kind = np.where(rng.random(count) < 0.9, boxes[:, 4], rng.integers(0, 3, count))
        row[:count] = np.column_stack([low, high, np.sort(rng.random(count) + 0.01)[::-1], kind])
    return found


def coco(peer: Any, known: list[np.ndarray], found: np.ndarray, sizes: list[tuple[int, int]]) -> tuple[float, float]:
    """Evaluate by faster-coco-eval: mAP and mAP@0.5."""

    def placed(box: np.ndarray, picture: int) -> list[float]:
        x0, y0, x1, y1 = (box[:4].astype(float) * np.tile(sizes[picture], 2)).round(5).tolist()
        return [x0, y0, x1 - x0, y1 - y0]

    wanted = []
    for picture, label in enumerate(known):
        for box in label:
            area = placed(box, picture)
            more = {"id": len(wanted) + 1, "bbox": area, "area": area[2] * area[3], "iscrowd": int(box[5])}
            wanted.append({"image_id": picture + 1, "category_id": int(box[4]) + 1} | more)
    data = {
        "images": [{"id": place + 1, "width": w, "height": h} for place, (w, h) in enumerate(sizes)],
        "annotations": wanted,
        "categories": [{"id": place + 1, "name": str(place)} for place in range(3)],
    }
    results = [
        {"image_id": picture + 1, "category_id": int(box[5]) + 1, "bbox": placed(box, picture), "score": float(box[4])}
        for picture, row in enumerate(found)
        for box in row
        if box[4] > 0
    ]
    with redirect_stdout(StringIO()):
        labelled = peer.COCO(data)
        made = peer.COCOeval_faster(labelled, labelled.loadRes(results), "bbox", print_function=lambda *a: None)
        made.evaluate()
        made.accumulate()
        made.summarize()
    return float(made.stats[0]), float(made.stats[1])
