from __future__ import annotations

import numpy as np
import pytest

from headstart.core.types import Score
from headstart.selection.aggregate import aggregate, agreement


def evidence(values: list[float], noise: float = 0.0) -> list[Score]:
    draw = np.random.default_rng(0)
    return [Score("accuracy", v, True, None, tuple(v + noise * draw.normal(size=20))) for v in values]


def test_without_scores_the_evidence_ranks() -> None:
    made = aggregate({}, evidence([0.7, 0.9, 0.8]))
    assert made.ranks.tolist() == [3, 1, 2]


def test_a_score_that_contradicts_the_evidence_has_no_say() -> None:
    made = aggregate({"wrong": [3.0, 1.0, 2.0]}, evidence([0.7, 0.9, 0.8]))
    assert made.weights == {"wrong": 0.0}
    assert made.ranks.tolist() == [3, 1, 2]


def test_scores_that_agree_with_the_evidence_decide_where_it_ties() -> None:
    scores = {"good": [1.0, 2.0, 3.0, 4.0], "also": [1.0, 2.0, 3.0, 5.0]}
    made = aggregate(scores, evidence([0.6, 0.7, 0.9, 0.9]))
    assert made.ranks.tolist() == [4, 3, 2, 1]


def test_a_loss_is_evidence_the_other_way_round() -> None:
    losses = [Score("log_loss", v, False, None, ()) for v in (0.3, 0.1, 0.2)]
    assert aggregate({}, losses).ranks.tolist() == [3, 1, 2]


def test_ranks_are_sure_where_the_evidence_is_and_not_where_it_is_noise() -> None:
    sure = aggregate({}, evidence([0.5, 0.7, 0.9], noise=1e-4))
    assert (sure.low == sure.high).all()
    unsure = aggregate({}, evidence([0.70, 0.701, 0.5], noise=0.002))
    assert unsure.low[:2].tolist() == [1, 1]
    assert unsure.high[:2].tolist() == [2, 2]


def test_what_is_not_defined_is_the_middle() -> None:
    made = aggregate({"some": [float("nan"), 1.0, 2.0, 3.0]}, evidence([0.9, 0.6, 0.7, 0.8]))
    assert made.points[0] == pytest.approx((1 + made.weights["some"] * 0.5) / (1 + made.weights["some"]))


def test_two_models_tell_no_agreement() -> None:
    assert agreement(np.array([1.0, 2.0]), np.array([0.1, 0.2])) == 0.0
