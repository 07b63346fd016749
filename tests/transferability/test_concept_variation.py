from __future__ import annotations

import numpy as np
import pytest

from headstart.transferability._seen import Seen
from headstart.transferability.concept_variation import ConceptVariation
from transferability.planted import seen


def test_three_rows_on_a_line() -> None:
    # The greatest distance is 3. Weights: 2^(-2 * 1 / 2) = 1/2 at distance 1, 2^(-2 * 2 / 1) = 1/16 at 2, 0 at 3.
    given = Seen(np.array([[0.0], [1.0], [3.0]]), np.array([0, 0, 1]))
    shares = [0, (1 / 16) / (1 / 2 + 1 / 16), 1]  # of the other class, row by row
    assert ConceptVariation().score(given) == pytest.approx(-np.mean(shares))


def test_classes_that_lie_far_apart_do_not_vary() -> None:
    given = Seen(np.array([[0.0], [0.1], [9.0], [9.1]]), np.array([0, 0, 1, 1]))
    assert ConceptVariation().score(given) == pytest.approx(0, abs=1e-6)


def test_a_row_that_is_as_far_as_can_be_from_all_others_does_not_count() -> None:
    corners = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert np.isnan(ConceptVariation().score(Seen(corners, np.array([0, 0, 1]))))


def test_turned_moved_and_scaled_features_score_the_same() -> None:
    given = seen()
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(given.features.shape[1],) * 2))[0]
    turned = Seen(7 * given.features @ turn + 3, given.labels)
    assert ConceptVariation().score(turned) == pytest.approx(ConceptVariation().score(given), rel=1e-6)
