"""Each word is answered for by the hidden state of its first token, and by nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

import toys
from headstart.core.errors import UsageError
from headstart.core.seeding import torch_seeded
from headstart.models.heads.tokens import Tokens
from headstart.models.load import load_source
from headstart.models.operate import operate
from headstart.targets.tags import Tags
from models.surgery.patients import tiny_bert

TARGET: Any = Tags(("tags",), ("A", "B"), scheme="IOB2")
TEXT = "good unknown, the virus"  # "unknown," is two tokens


def head_of(backbone: Any) -> Any:
    with torch_seeded("head"):
        head = Tokens().build(backbone.dim, TARGET)
        head.fit_to(backbone)
    return head.eval()


def test_a_word_is_answered_for_by_its_first_token(tmp_path: Path) -> None:
    before = tiny_bert(tmp_path / "bert").eval()
    after = operate(before, ["words"]).backbone.eval()
    x = after.card.input.collate(list(after.card.input.prepare([TEXT, "bad"])))
    plain = {name: value for name, value in x.items() if name != "word_places"}
    tokens = before(plain)["tokens"]  # [CLS] good unknown , the virus [SEP]
    found = after(x)
    assert torch.equal(found["tokens"][0, :4], tokens[0, [1, 2, 4, 5]])
    assert found["mask"].sum(dim=1).tolist() == [4, 1] and torch.equal(found["pooled"], before(plain)["pooled"])
    head = head_of(after)
    out = head(found)
    linear = head.trunk[1]
    assert out.shape == (2, 7, 6) and torch.allclose(out[0, 2, :5], linear(tokens[0, 4]))
    assert out[..., 5].sum(dim=1).tolist() == [4, 1]
    decoded = head.decode(out)
    assert decoded.shape == (2, cast(Any, after.card.input).max_length, 2), "as long for every batch"
    assert (decoded[0, :4, 0] > 0).all() and not decoded[0, 4:].any()


def test_what_is_put_before_a_text_moves_no_word(tmp_path: Path) -> None:
    """Prompt tokens stand before the words where a strategy puts some."""
    after = operate(tiny_bert(tmp_path / "bert"), ["words"]).backbone.eval()
    forward: Any = vars(after)["forward"]
    x = after.card.input.collate(list(after.card.input.prepare([TEXT])))
    wanted = after(x)["tokens"]
    inner = type(after).forward.__get__(after)

    def prompted(given: Any) -> Any:
        found = inner(given)
        found["tokens"] = torch.cat([torch.zeros_like(found["tokens"][:, :3]), found["tokens"]], dim=1)
        return found

    forward.inner = prompted
    assert torch.equal(after(x)["tokens"], wanted)


def test_networks_without_words_are_refused(tmp_path: Path) -> None:
    plain = tiny_bert(tmp_path / "bert")
    with pytest.raises(UsageError, match=r"surgery='words'|surgery words"):
        head_of(plain)
    with pytest.raises(UsageError, match="Take a text network"):
        operate(toys.source("timm:test_resnet"), ["words"])
    with pytest.raises(UsageError, match="its words already"):
        operate(plain, ["words", "words"])
    terms = load_source("tfidf:words", {"texts": ["good film", "bad film", "good cast"]})
    with pytest.raises(UsageError, match="words"):
        operate(terms, ["words"])
    with pytest.raises(ValueError, match="from 0 to below 1"):
        Tokens(dropout=1.0)


def test_words_that_have_tags_stay_where_they_are(tmp_path: Path) -> None:
    """The view `weak` leaves words out elsewhere; here it hides them."""
    from headstart.views import build

    expects: Any = operate(tiny_bert(tmp_path / "bert"), ["words"]).backbone.card.input
    raw = expects.open(expects.prepare([TEXT])[0])
    with torch_seeded("view"):
        shown: Any = [build("weak").show(raw, expects) for _ in range(60)]
    assert all((one["word_places"] == raw["word_places"]).all() for one in shown)
    assert all(len(one["input_ids"]) == len(raw["input_ids"]) for one in shown)
    if expects.hidden is not None:
        assert any((one["input_ids"] != raw["input_ids"]).any() for one in shown)
