from __future__ import annotations

import math

import numpy as np
import pytest

from headstart.transferability._seen import Seen
from headstart.transferability.leep import Leep
from headstart.transferability.nce import Nce
from transferability.planted import seen


def made(source: list[list[float]], labels: list[int]) -> Seen:
    return Seen(np.zeros((len(labels), 1)), np.array(labels), source=np.array(source))


def test_two_rows_by_hand() -> None:
    # P(y = z) = 3/4 after both rows, so each row's class is predicted with 3/4 * 3/4 + 1/4 * 1/4.
    assert Leep().score(made([[0.75, 0.25], [0.25, 0.75]], [0, 1])) == pytest.approx(math.log(0.625))


def test_a_source_that_is_sure_gives_the_negative_conditional_entropy() -> None:
    given = seen()
    assert given.source is not None
    sure = np.eye(given.source.shape[1])[given.source.argmax(axis=1)]
    hard = Seen(given.features, given.labels, source=sure)
    assert Leep().score(hard) == pytest.approx(Nce().score(hard))


@pytest.mark.parametrize("seed", range(5))
def test_it_is_no_lower_than_the_paper_s_bound_by_nce(seed: int) -> None:
    """Property 2 of the paper: LEEP >= NCE(Y | Z) + mean log theta(x)_z, for the classes Z that the source decides."""
    given = seen(seed=seed)
    assert given.source is not None
    assert Leep().score(given) >= Nce().score(given) + np.log(given.source.max(axis=1)).mean()


def test_a_source_class_that_no_row_gets_changes_nothing() -> None:
    given = seen()
    assert given.source is not None
    wider = np.concatenate([given.source, np.zeros((len(given), 2))], axis=1)
    assert Leep().score(Seen(given.features, given.labels, source=wider)) == pytest.approx(Leep().score(given))


def test_a_source_that_says_the_same_of_all_rows_gives_the_entropy_of_the_classes() -> None:
    assert Leep().score(made([[0.5, 0.5]] * 4, [0, 0, 0, 1])) == pytest.approx(
        0.75 * math.log(0.75) + math.log(0.25) / 4
    )


def test_without_the_source_s_classifier_there_is_no_score() -> None:
    assert math.isnan(Leep().score(Seen(np.zeros((2, 1)), np.array([0, 1]))))
