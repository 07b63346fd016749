"""Single texts and pairs may stand beside each other, as rows of several tasks do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.core.errors import UsageError
from headstart.data.rows import Rows
from headstart.data.transforms import check_examples
from headstart.inputs.text import Text
from toys import save_tokenizer

MIXED = ["good film", ("good", "bad"), "bad", ("film", "good film"), "good film"]


def test_each_row_gets_the_tokens_that_it_has_among_rows_of_its_own_kind(tmp_path: Path) -> None:
    folder = str(save_tokenizer(tmp_path))
    found = Text(folder, 8).prepare(MIXED)
    for item, tokens in zip(MIXED, found, strict=True):
        alone = Text(folder, 8).prepare([item])[0]
        assert tokens.keys() == alone.keys()
        assert all(np.array_equal(tokens[name], alone[name]) for name in alone)


def test_pairs_that_are_compared_take_no_single_text(tmp_path: Path) -> None:
    expects = Text(str(save_tokenizer(tmp_path)), 8, separate=True)
    inputs = [("good", "bad"), "film"]
    assert "these are single texts" in expects.refuses(inputs) and not expects.refuses(inputs[:1])
    with pytest.raises(UsageError, match="takes pairs of texts, each for itself"):
        check_examples(Rows(["a", "b"], inputs), expects)
