"""The sections on boxes hold the figures that are right by hand, and draw them."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.drawing.blocks import Drawings, Table, Words
from headstart.drawing.draw import draw
from headstart.metrics._matching import CLASS, FLAGS, SCORE
from headstart.metrics._of_boxes import average_precisions
from headstart.targets._box_curves import best_cut, precisions
from headstart.targets._box_tables import sections

NAMES = ("RBC", "WBC", "none")


def found(*boxes: tuple[float, int, int], rows: int = 1) -> np.ndarray:
    """Make boxes of (score, class, flag of all thresholds), the same in each row."""
    made = np.zeros((rows, len(boxes), FLAGS.stop), np.float32)
    for place, (score, kind, flag) in enumerate(boxes):
        made[:, place, SCORE], made[:, place, CLASS], made[:, place, FLAGS] = score, kind, flag
    return made


SOME = found((0.9, 0, 1), (0.8, 0, -1), (0.7, 0, 0), (0.6, 0, 1), (0.5, 0, 0), (0.4, 1, 0))


def test_the_best_cut_by_hand() -> None:
    """Of 3 labels 1, 1, 2, 2 are right among 1, 2, 3, 4: F1 is 2/4, 2/5, 4/6, 4/7; the ignored box counts nowhere."""
    cut = best_cut(SOME, 0, 3)
    assert cut == pytest.approx((0.55, 2 / 3, 2 / 3, 2 / 3))
    assert best_cut(SOME, 1, 5) is None and best_cut(SOME, 2, 0) is None and best_cut(SOME, 2, 1) is None


def test_boxes_of_equal_scores_are_cut_together() -> None:
    cut = best_cut(found((0.9, 0, 1), (0.9, 0, 0), (0.3, 0, 0)), 0, 1)
    assert cut == pytest.approx((0.6, 1 / 2, 1, 2 / 3))


def test_precision_over_recall_by_hand() -> None:
    """Of 3 labels: 1 up to a recall of 1/3, 2/3 up to 2/3; more is not reached. Their sum over 101 is the AP."""
    points = precisions(SOME, 0, 3)
    assert [x for x, _ in points] == pytest.approx([k / 100 for k in range(67)])
    assert [y for _, y in points] == pytest.approx([1.0] * 34 + [2 / 3] * 33)
    area = average_precisions(np.array([[3, 0, 0]]), SOME, (0,))(np.ones((1, 1)))[0, 0, 0]
    assert sum(y for _, y in points) / 101 == pytest.approx(area)


def test_the_greatest_precision_from_a_recall_on_counts() -> None:
    """A false one, then both labels: precisions 0, 1/2, 2/3, so 2/3 from each recall on."""
    made = found((0.9, 0, 0), (0.8, 0, 1), (0.7, 0, 1))
    assert [y for _, y in precisions(made, 0, 2)] == pytest.approx([2 / 3] * 101)


def test_the_table_and_the_drawing() -> None:
    """Two pictures alike: resamples change nothing. 'none' has no label, nothing of 'WBC' is right."""
    made = found((0.9, 0, 1), (0.6, 0, 0), (0.3, 1, 0), rows=2)
    made[..., 5:12] = 0  # from the fourth threshold on no box is right
    (section,) = sections(np.array([[1, 2, 0]] * 2), made, NAMES, (0.7, 0.25, 0.3))
    table, note, drawings = section.blocks
    assert section.early and isinstance(table, Table) and isinstance(note, Words) and isinstance(drawings, Drawings)
    rows = [[cell.text for cell in line] for line in table.lines]
    assert rows[0] == ["RBC", "0.3000", "1.000", "1.000 to 1.000", "2", "2", "0.7000", "1.000", "1.000", "1.000"]
    assert rows[1] == ["WBC", "0.000", "0.000", "0.000 to 0.000", "4", "2", "0.2500", *["0.000"] * 3]
    assert rows[2] == ["none", "–", "–", "–", "0", "0", *["–"] * 4]
    assert drawings.drawings[0].legend == [("RBC", "c0")] and "2 pictures" in note.text
    page = str(draw(section.blocks))
    assert "recall 0.5: precision 1" in page and "nan" not in page


def test_many_classes_are_cut_and_it_is_said() -> None:
    names = [f"c{place}" for place in range(50)]
    boxes = found(*((0.9, place, int(place != 7)) for place in range(50)))
    (section,) = sections(np.ones((1, 50), int), boxes, names, [0.3] * 50)
    assert len(section.blocks[0].rows) == 40 and section.blocks[0].rows[0][0] == "c7"
    assert "40 classes of the lowest AP, of 50" in section.blocks[1].text
    assert "The 8 classes of most labels, of 50." in section.blocks[-1].drawings[0].notes


def test_nothing_right_is_said() -> None:
    (section,) = sections(np.array([[1, 0, 0]]), found((0.9, 0, 0)), NAMES, [0.3] * 3)
    assert "no curve" in section.blocks[-1].text and "nan" not in str(draw(section.blocks))
