"""Groups of tasks: the division with the largest sum of what is done for each task."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from headstart.selection.grouping import best_groups, worth


def helps(count: int, **pairs: float) -> np.ndarray:
    """Matrix of zeros but for pairs such as a_b=0.1: task a helps task b."""
    found = np.zeros((count, count))
    for pair, value in pairs.items():
        one, other = ("abcdefgh".index(name) for name in pair.split("_"))
        found[one, other] = value
    return found


def test_the_sum_over_tasks_decides() -> None:
    assert best_groups(helps(3, a_b=0.3, b_a=0.1, c_a=-0.2, c_b=-0.2)) == [[0, 1], [2]]
    assert best_groups(helps(2, a_b=0.3, b_a=-0.2)) == [[0, 1]], "it helps more than it harms"
    assert best_groups(helps(2, a_b=0.3, b_a=-0.4)) == [[0], [1]]


def test_what_is_equally_good_stays_alone() -> None:
    assert best_groups(np.zeros((3, 3))) == [[0], [1], [2]]


def test_a_task_counts_by_the_mean_of_the_others_in_its_group() -> None:
    found = helps(3, a_b=0.3, c_b=0.1, b_a=0.2)
    assert worth(found, [[0, 1, 2]]) == pytest.approx((0.3 + 0.1) / 2 + 0.2 / 2)
    assert worth(found, [[0, 1], [2]]) == pytest.approx(0.5), "so that three together are worse here"
    assert best_groups(found) == [[0, 1], [2]]


def test_up_to_six_tasks_every_division_is_tried_and_more_are_merged() -> None:
    found = np.random.default_rng(0).normal(size=(4, 4))
    every = {
        tuple(sorted(map(tuple, map(sorted, _groups(labels))))) for labels in itertools.product(range(4), repeat=4)
    }
    assert len(every) == 15, "Bell's number of 4"
    assert worth(found, best_groups(found)) == pytest.approx(max(worth(found, groups) for groups in every))
    eight = helps(8, a_b=1, b_a=1, c_d=1, d_c=1, e_f=1, f_e=1, g_a=-1, a_g=-1)
    assert best_groups(eight) == [[0, 1], [2, 3], [4, 5], [6], [7]]


def _groups(labels: tuple[int, ...]) -> list[list[int]]:
    return [[place for place, label in enumerate(labels) if label == group] for group in set(labels)]
