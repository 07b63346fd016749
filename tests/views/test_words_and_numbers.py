"""Claims: words are exchanged, hidden and left out in the shares asked for, and marks stay; numbers likewise."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toys
from headstart.core.recipe import Recipe
from headstart.core.seeding import torch_seeded
from headstart.core.types import Task
from headstart.data.rows import Dataset, Rows
from headstart.data.transforms import Draw, make_transform
from headstart.inputs._terms import Terms
from headstart.inputs._tokens import load_tokenizer
from headstart.inputs.text import Text
from headstart.inputs.vector import Vector
from headstart.runs.plan import make_plan
from headstart.selection.space import Space
from headstart.views import offers, shows
from headstart.views._numbers import Numbers
from headstart.views._words import Words

LONG = " ".join(["good", "bad", "film", "dull"] * 50)


@pytest.fixture
def text(tmp_path: Path) -> Text:
    """Return the input of a network whose tokenizer has a mask."""
    folder = toys.save_tokenizer(tmp_path / "known", "good bad film dull")
    known = load_tokenizer(str(folder), ())
    known.add_special_tokens({"mask_token": "[MASK]"})
    known.save_pretrained(folder)
    return Text(str(folder), 512)


def shown(expects: Text, item: Any, **shares: float) -> list[dict[str, np.ndarray]]:
    """Show a text twenty times."""
    prepared = expects.prepare([item])[0]
    found = []
    for seed in range(20):
        with torch_seeded(seed):
            found.append(Words(**shares).show(prepared, expects))
    return found


def test_words_are_left_out_and_hidden_in_their_shares_and_marks_stay(text: Text) -> None:
    plain = text.prepare([LONG])[0]["input_ids"]
    dropped = [one["input_ids"] for one in shown(text, LONG, drop=0.2)]
    assert 0.17 < np.mean([1 - len(ids) / len(plain) for ids in dropped]) < 0.23
    hidden = [one["input_ids"] for one in shown(text, LONG, hide=0.2)]
    assert all(len(ids) == len(plain) for ids in hidden)
    assert 0.17 < np.mean([(ids == text.hidden).mean() for ids in hidden]) < 0.23
    for ids in (*dropped, *hidden):
        assert (ids[0], ids[-1]) == (plain[0], plain[-1])


def test_words_that_are_exchanged_are_all_still_there_on_their_side_of_a_pair(text: Text) -> None:
    pair = ("good bad " * 20, "film dull " * 20)
    plain = text.prepare([pair])[0]["input_ids"]
    for ids in (one["input_ids"] for one in shown(text, pair, swap=0.3)):
        assert not np.array_equal(ids, plain)
        for side in (slice(0, 42), slice(42, None)):
            assert sorted(ids[side]) == sorted(plain[side])


def test_a_text_is_never_left_without_a_word_and_the_row_itself_is_not_changed(text: Text) -> None:
    prepared = text.prepare(["good"])[0]
    before = prepared["input_ids"].copy()
    for one in shown(text, "good", drop=1.0, swap=1.0):
        assert np.array_equal(one["input_ids"], before)
    assert all((one["input_ids"] == text.hidden).any() for one in shown(text, "good", hide=1.0))
    assert np.array_equal(text.prepare(["good"])[0]["input_ids"], before)


def test_both_texts_of_a_separate_pair_and_terms_are_varied(text: Text) -> None:
    pair = dataclasses.replace(text, separate=True)
    first, second = make_transform(pair, {"x": "strong"}).example(pair.prepare([(LONG, LONG)])[0], "x", Draw(0, 1))
    assert len(first["input_ids"]) < 202 > len(second["input_ids"]) and not np.array_equal(
        first["input_ids"][:50], second["input_ids"][:50]
    )
    terms = Text(str(Terms.learn(["good film", "bad film", "dull"], "words").in_a_folder()), 512)
    item = terms.prepare(["good film dull"])[0]
    with torch_seeded(0):
        one = Words(swap=0.5, hide=0.5, drop=0.5).show(item, terms)
    assert 0 < len(one["input_ids"]) < len(item["input_ids"]) and len(one["weights"]) == len(one["input_ids"])
    assert all(item["weights"][list(item["input_ids"]).index(t)] == w for t, w in zip(*one.values(), strict=True))


def test_numbers_are_dropped_and_stretched_in_any_unit() -> None:
    row = np.array([1e-3, 1.0, 1e3] * 400, dtype=np.float32)
    with torch_seeded(0):
        dropped = Numbers(drop=0.2).show(row, Vector(1200))
        stretched = Numbers(noise=0.1).show(row, Vector(1200)) / row
    assert dropped.dtype == stretched.dtype == np.float32
    assert 0.17 < (dropped == 0).mean() < 0.23 and np.array_equal(dropped[dropped != 0], row[dropped != 0])
    assert abs(stretched.mean() - 1) < 0.02 and 0.09 < stretched.std() < 0.11


@pytest.mark.parametrize("view", ["weak", "strong"])
def test_texts_and_numbers_are_varied_where_it_is_asked_for_and_nowhere_else(view: str) -> None:
    for kind in (Text, Vector):
        assert shows(view, kind) and not offers(view, kind)
    recipe = Recipe().with_settings({"stages.0.strategy.name": "full"})
    data = toys.dataset(Vector(6))
    assert make_plan(recipe, data).recipe.stages[0].augment == "plain"
    assert "augment" not in Space(recipe, data, [])._shared
    texts = Rows(["a", "b"], ["good", "bad"], {"target": np.array([0, 1])})
    task = Task.of("text", "binary", ("x",), ("y",), ("a", "b"))
    words = Dataset(task, {"train": texts}, {"train": texts}, fingerprint="texts")
    assert make_plan(recipe, words).recipe.stages[0].augment == "plain"
    asked = recipe.with_settings({"stages.0.augment": view})
    assert make_plan(asked, words).recipe.stages[0].augment == view
