"""What white is in arrays of numbers: told by the whole set, or refused with what to do."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from headstart.core.errors import BadRows, DataError
from headstart.core.recipe import DataPlan
from headstart.data.read import read
from headstart.inputs._arrays import scaled
from headstart.inputs._open import open_image

X = np.random.default_rng(0).integers(0, 256, (40, 5, 6, 3)).astype(np.uint8)
X[0] = [0, 1, 0]  # so dark a picture does not tell whether 1.0 is white
Y = np.arange(40) % 2


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (X, ""),
        (X.astype(np.uint16) * 257, ""),
        (X.astype(np.float32) / 255, "float32 from 0 to 1"),
        (X.astype(np.float64), "float64 from 0 to 255"),
        (X.astype(np.int64), "int64 from 0 to 255"),
        (X.astype(np.int32) * 257, "int32 from 0 to 65535"),
    ],
)
def test_the_same_pictures_come_of_every_scale(array: np.ndarray, said: str) -> None:
    cells, told = scaled(list(array), "X")
    assert told == said
    assert [np.asarray(open_image(cell)).tolist() for cell in cells] == X.tolist()
    assert [np.asarray(open_image(cell)).tolist() for cell in scaled(list(array[..., 0]), "X")[0]] == X[..., 0].tolist()
    note = read((array, Y), DataPlan()).notes[0]
    assert note == f"input: column 'x', read as image{f', {said}' if said else ''}"


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (X / 127.5 - 1, r"float64 values from -1 to 1 \(give \(X \+ 1\) / 2"),
        (X - np.array([103.9, 116.8, 123.7]), "from -123.7 to 151.1 .*before normalisation"),
        (X * 257.0, r"from 0 to 65535 \(scale them to \[0, 1\], or give uint8 or uint16"),
        (X * np.nan, "not finite: np.nan_to_num"),
        (X // 16 * 1.0, r"from 0 to 15, .*scale them: X / 15, if that is white; X.astype\('uint8'\), if 255 is"),
        ((X // 128).astype(np.int64), "int64 values from 0 to 1, .*scale them: X / 1"),
        (X.transpose(0, 3, 1, 2), r"\[3, 5, 6\], channels first .*X.transpose\(0, 2, 3, 1\)"),
        (np.zeros((28, 28, 3), np.uint8), r"one picture .*X\[None\]"),
    ],
)
def test_what_is_no_scale_of_pixels_is_refused_once_with_what_to_do(array: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read((array, np.arange(len(array)) % 2), DataPlan())
    assert not isinstance(caught.value, BadRows) and len(caught.value.problems) == 1


def test_a_few_bad_pictures_are_named_and_can_be_left_out() -> None:
    array = X.astype(np.float32)
    array[3], array[5, 0, 0, 0] = np.nan, -2
    with pytest.raises(BadRows, match=r"(?s)all\[3\].*all\[5\]"):
        read((array, Y), DataPlan())
    dataset = read((array, Y), DataPlan(skip_bad=True))
    assert sum(map(len, dataset.splits.values())) == 38
    assert scaled(list(array), "X")[1] == "float32 from 0 to 255"


def test_all_black_pictures_and_those_that_are_no_arrays_pass() -> None:
    picture = Image.new("L", (4, 4))
    cells, said = scaled([picture, np.zeros((4, 4), np.int64), np.zeros((4, 4))], "X")
    assert cells[0] is picture and [np.asarray(open_image(cell)).max() for cell in cells] == [0, 0, 0]
    assert said == "float64 from 0 to 1 and int64 from 0 to 255"
