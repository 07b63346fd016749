"""Rows that have labels of some targets only: put together, taken and looked at by target."""

from __future__ import annotations

import numpy as np

from headstart.data.rows import Rows, concatenate

MOOD = Rows(["a", "b"], np.zeros((2, 3)), {"mood": np.array([1, 0])})
SIZE = Rows(["c"], np.ones((1, 3)), {"size": np.array([[2.5]], np.float32)})


def test_rows_of_different_targets_are_put_together() -> None:
    both = concatenate([MOOD, SIZE])
    assert both.known["mood"].tolist() == [True, True, False] and both.known["size"].tolist() == [False, False, True]
    assert both.labels["mood"].tolist() == [1, 0, 0] and both.labels["size"].tolist() == [[0.0], [0.0], [2.5]]
    assert both.labels["mood"].dtype == np.int64 and both.labels["size"].dtype == np.float32
    again = concatenate([both, MOOD])
    assert again.known["mood"].tolist() == [True, True, False, True, True]


def test_all_have_a_label_where_no_target_is_named() -> None:
    assert concatenate([MOOD, MOOD]).known == {} and MOOD.places("mood") == slice(None)


def test_those_of_a_target_have_its_labels_alone() -> None:
    both = concatenate([MOOD, SIZE]).take([2, 1])
    own = both.of("mood")
    assert own.ids == ["b"] and own.labels["mood"].tolist() == [0] and set(own.labels) == {"mood"} and not own.known
    assert np.arange(2)[both.places("size")].tolist() == [0] and both.of("size").inputs.tolist() == [[1.0] * 3]
    assert both.unlabelled().known == {}


def test_ragged_labels_are_empty_where_there_are_none() -> None:
    ragged = Rows(["d"], ["text"], {"boxes": [np.ones((2, 4))]})
    both = concatenate([ragged, Rows(["e"], ["more"])])
    assert both.labels["boxes"][1].shape == (0, 4) and both.known["boxes"].tolist() == [True, False]
