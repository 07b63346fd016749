"""X is told apart by its first example, and each kind becomes rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from headstart.core.errors import DataError
from headstart.core.types import Task
from headstart.estimators.examples import column_names, make_examples, modality_of

PICTURE = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("X", "modality"),
    [
        (np.zeros((3, 2)), "vector"),
        (np.zeros((3, 2)).astype(object), "vector"),
        ([[1.0, 2.0], [3.0, 4.0]], "vector"),
        (["1.5", "2"], "vector"),
        ([], "vector"),
        (pd.DataFrame({"a": [1, 2], "b": [0.5, 1.0]}), "vector"),
        (np.zeros((3, 4, 4), np.uint8), "image"),
        (np.zeros((3, 4, 4, 3), np.uint8), "image"),
        ([PICTURE, PICTURE], "image"),
        ([Image.fromarray(PICTURE)], "image"),
        (["a.jpg", "b.png"], "image"),
        (np.array(["a.jpg", "b.png"]), "image"),
        (pd.Series(["a.jpg", "b.png"]), "image"),
        ([Path("a.jpg")], "image"),
        (pd.DataFrame({"file": ["a.jpg", "b.png"]}), "image"),
        (["good", "bad"], "text"),
        (np.array(["good", "bad"], dtype=object), "text"),
        (pd.Series(["good", "bad"]), "text"),
        ([("a question", "an answer")], "text"),
        (pd.DataFrame({"one": ["a b"], "two": ["c d"]}), "text"),
    ],
)
def test_the_first_example_tells_the_modality(X: Any, modality: str) -> None:
    assert modality_of(X) == modality


def test_pairs_come_as_tuples_as_a_frame_or_as_an_array() -> None:
    pairs = [("a", "b"), ("c", "d")]
    for X in (pairs, pd.DataFrame(pairs, columns=["one", "two"]), np.array(pairs, dtype=object)):
        rows = make_examples(X, Task.of("text", "binary", column_names(X), ("y",)))
        assert rows.inputs == pairs


def test_a_frame_names_its_rows() -> None:
    X = pd.DataFrame({"text": ["a", "b"]}, index=[7, 9])
    assert list(make_examples(X, Task.of("text", "binary", ("text",), ("y",))).ids) == ["row 7", "row 9"]


def test_every_bad_row_is_named() -> None:
    X = pd.DataFrame({"text": ["a", None, "b", None]})
    with pytest.raises(DataError, match=r"(?s)row 1.*row 3"):
        make_examples(X, Task.of("text", "binary", ("text",), ("y",)))
