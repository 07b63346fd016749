"""Episodes: counted, of distinct rows and classes; what cannot be made is refused with all classes."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.core.episodes import Draws, Episode, fitted, sizes_of
from headstart.core.errors import DataError, UsageError

LABELS = np.array([0] * 6 + [1] * 7 + [-1] * 3 + [4] * 5 + [2] * 6)


def test_an_episode_has_distinct_rows_of_distinct_classes() -> None:
    draws = Draws(LABELS, Episode(ways=3, shots=1, queries=4), (0, "x"))
    for number in range(50):
        places = draws.draw(number)
        assert places.shape == (3, 5) and len(np.unique(places)) == 15
        classes = LABELS[places]
        assert (classes == classes[:, :1]).all() and len({*classes[:, 0].tolist()} - {-1}) == 3


def test_episode_n_is_a_function_of_the_key_and_n() -> None:
    episode = Episode(2, 1, 2)
    one, other = Draws(LABELS, episode, (7, "x")), Draws(LABELS, episode, (7, "x"))
    later = other.draw(9)
    assert all((one.draw(number) == other.draw(number)).all() for number in range(9))
    assert (one.draw(9) == later).all()
    assert (one.draw(0) != one.draw(1)).any()
    assert any((one.draw(n) != Draws(LABELS, episode, (8, "x")).draw(n)).any() for n in range(3))


def test_what_is_left_open_is_as_in_papers_where_rows_suffice() -> None:
    assert fitted({str(n): 20 for n in range(9)}, None, 5, None) == Episode(5, 5, 15)
    assert fitted({"a": 20, "b": 4}, None, 1, None) == Episode(2, 1, 3)


def test_too_many_ways_shots_or_none_are_refused() -> None:
    sizes = sizes_of(LABELS, lambda label: f"class {label}")
    assert sizes == {"class 0": 6, "class 1": 7, "class 2": 6, "class 4": 5}
    with pytest.raises(UsageError, match=r"Episodes of 5 ways need as many classes; there are 4\."):
        fitted(sizes, 5, 1, 1)
    with pytest.raises(UsageError, match="ways must be at least 2"):
        fitted(sizes, 1, 1, 1)
    with pytest.raises(DataError, match="3 of 4 classes cannot give 2 rows to learn from and 5 to ask") as wrong:
        fitted(sizes, 2, 2, 5)
    assert [problem.where for problem in wrong.value.problems] == [
        "class 'class 0'",
        "class 'class 2'",
        "class 'class 4'",
    ]
    with pytest.raises(DataError, match="has 5 rows"):
        fitted(sizes, None, 5, None)
