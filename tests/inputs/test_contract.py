"""What every modality must do. They are found by themselves; a new one needs a line in CASES, for its data."""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import json
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch

from headstart.core import plugins
from headstart.core.errors import DataError
from headstart.data.inputs import contents
from headstart.data.transforms import make_transform
from headstart.inputs import PICTURE, WORDS, by_name, modality, of_file
from headstart.models.cards import input_from_plain, input_to_plain
from sounds import wav

RANDOM = np.random.default_rng(0)


class Case(NamedTuple):
    """Right cells of a column, wrong ones, and the options of what a network expects."""

    cells: list[Any]
    wrong: list[Any]
    options: dict[str, Any]


CASES = {
    "audio": Case([wav(0.1 * RANDOM.normal(size=400)) for _ in range(5)], [None, 3.0, {"a": 1}], {"seconds": 0.1}),
    "image": Case(
        [RANDOM.integers(0, 256, (20, 24, 3), dtype=np.uint8) for _ in range(5)],
        [None, 3.0, {"a": 1}],
        {"height": 16, "width": 12},
    ),
    "text": Case(["one", "two words", "and now three", "four", "one"], [None, [1], {}], {"max_length": 8}),
    "vector": Case([np.arange(4.0) + row for row in range(5)], [np.ones(3), np.full(4, np.nan), None], {"dim": 4}),
}


WANTED = {"audio": "soundfile"}  # what opens the examples
NAMES = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            name in WANTED and importlib.util.find_spec(WANTED[name]) is None, reason=f"needs {WANTED.get(name)}"
        ),
    )
    for name in plugins.names("inputs")
]


@pytest.fixture
def tokenizer(tmp_path: Path) -> str:
    """Make the folder of a tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["[UNK]", "[PAD]", "one", "two", "words", "and", "now", "three", "four"]
    made = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    fast = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]")
    fast.save_pretrained(tmp_path / "words")
    return str(tmp_path / "words")


def made(name: str, tokenizer: str) -> Any:
    options = {**CASES[name].options, **({"tokenizer": tokenizer} if name == "text" else {})}
    return plugins.build("inputs", name, options)


def frame(cells: list[Any]) -> pd.DataFrame:
    column = pd.Series(cells, index=[f"row {place}" for place in range(len(cells))], dtype=object)
    return pd.DataFrame({"x": column})


@pytest.mark.parametrize("name", NAMES)
def test_cells_become_examples_of_the_shape_of_a_dry_run(name: str, tokenizer: str) -> None:
    expects, kind = made(name, tokenizer), by_name(name)
    cells = CASES[name].cells
    assert contents(cells) == name
    inputs = kind.read(frame(cells), ["x"])
    assert len(inputs) == len(cells)
    transform = make_transform(expects)
    items = transform.prepare(inputs)
    lengths = transform.lengths(items)
    assert (lengths is not None) == kind.ragged
    x = transform.collate([transform.example(item, "x", None) for item in items])
    blank = expects.blank(5)
    if isinstance(blank, dict):
        assert set(blank) <= set(x)
        assert all(len(x[key]) == 5 and x[key].dtype == blank[key].dtype for key in blank)
    else:
        assert x.shape == blank.shape and x.dtype == blank.dtype and torch.isfinite(x).all()
    again = make_transform(pickle.loads(pickle.dumps(transform)).expects)
    assert again.expects == expects and copy.deepcopy(expects) == expects


@pytest.mark.parametrize("name", NAMES)
def test_every_wrong_cell_is_listed(name: str) -> None:
    cells = [CASES[name].cells[0], *CASES[name].wrong]
    with pytest.raises(DataError) as caught:
        by_name(name).read(frame(cells), ["x"])
    rows = {problem.where.partition(",")[0] for problem in caught.value.problems}
    assert rows == {f"row {place}" for place in range(1, len(cells))}


@pytest.mark.parametrize("name", NAMES)
def test_loose_examples_are_read_as_those_of_a_table(name: str) -> None:
    kind, cells = by_name(name), CASES[name].cells
    columns = kind.loose(cells, ["x"])
    (column,) = columns
    read = kind.read(pd.DataFrame({column: pd.Series(columns[column], dtype=object)}), list(columns))
    from_table = kind.read(frame(cells), ["x"])
    assert all(np.array_equal(one, other) for one, other in zip(read, from_table, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_equal_content_has_one_digest(name: str) -> None:
    kind, cells = by_name(name), CASES[name].cells
    inputs = kind.read(frame([*cells, copy.deepcopy(cells[0])]), ["x"])
    digests, notes = kind.check([f"row {place}" for place in range(len(inputs))], list(inputs))
    assert digests[-1] == digests[0] and notes == []
    assert len(set(digests)) == len({repr(cell) for cell in cells})


@pytest.mark.parametrize("name", NAMES)
def test_a_preview_is_plain_data(name: str) -> None:
    kind = by_name(name)
    inputs = kind.read(frame(CASES[name].cells), ["x"])
    preview = kind.preview(inputs[0], ["x"])
    assert json.loads(json.dumps(preview)) == preview
    assert isinstance(preview.get(PICTURE, preview.get(WORDS)), str)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_expected_survives_the_card_and_the_saved_model(name: str, tokenizer: str, tmp_path: Path) -> None:
    expects = made(name, tokenizer)
    assert modality(expects) == name
    plain = json.loads(json.dumps(input_to_plain(expects)))
    assert plain["modality"] == name and input_from_plain(plain) == expects
    assert hash(input_from_plain(plain)) == hash(expects)
    packed = expects.pack(tmp_path)
    names = {field.name for field in dataclasses.fields(expects)}
    assert set(expects.files) <= names
    assert all((tmp_path / getattr(packed, file)).exists() for file in expects.files)
    assert expects.refuses(by_name(name).read(frame(CASES[name].cells), ["x"])) == ""


def test_a_file_belongs_to_one_modality() -> None:
    assert (
        of_file("a/B.JPG") == "image"
        and of_file("a.wav") == "audio"
        and of_file("notes.txt") is None
        and of_file(".jpg") is None
    )
