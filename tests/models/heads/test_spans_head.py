"""Each token of the context says where it stands there, and what is put before a text moves none of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import toys
from headstart.core.errors import UsageError
from headstart.core.seeding import torch_seeded
from headstart.models.heads.spans import Spans
from headstart.models.load import load_source
from headstart.models.operate import operate
from headstart.targets._asked import Asked
from headstart.targets.spans import Spans as Kind
from questions import reader_of_pairs

TARGET: Any = Kind(("answers",))
PAIR = ("mb", "ma  red mb blue")


def reader(folder: Path, kind: str = "bert", most: int = 32) -> Any:
    return load_source(f"hf:{reader_of_pairs(folder / kind, kind, most=most)}")


def head_of(backbone: Any, **options: Any) -> Any:
    with torch_seeded("head"):
        head = Spans(**options).build(backbone.dim, TARGET)
        head.fit_to(backbone)
    return head.eval()


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_tokens_stand_where_their_words_do(kind: str, tmp_path: Path) -> None:
    before = reader(tmp_path, kind).eval()
    after = operate(before, ["context"]).backbone.eval()
    expects: Any = after.card.input
    x = expects.collate(list(expects.prepare([PAIR, ("mb", "ma")])))
    features = after(x)
    starts, ends = features["places"][0].T.tolist()
    inside = [(start, end) for start, end in zip(starts, ends, strict=True) if end > 0]
    assert {PAIR[1][start:end] for start, end in inside} >= {"ma", "red", "mb", "blue"}
    assert "".join(PAIR[1][start:end] for start, end in inside) == "maredmbblue" and ends[0] == -1
    plain = {name: value for name, value in x.items() if not name.startswith("context")}
    assert torch.equal(features["tokens"], before(plain)["tokens"])
    head = head_of(after)
    out = head(features)
    assert out.shape == (*features["tokens"].shape[:2], 4)
    assert torch.allclose(out[..., :2], head.trunk[1](features["tokens"])) and head.decode(out).shape == (2, 5, 3)
    prefixed = type(expects)(expects.tokenizer, 32, prefix="ma: ", marks_context=True).prepare([PAIR])[0]
    again = {(s, e) for s, e in zip(prefixed["context_starts"], prefixed["context_ends"], strict=True) if e > 0}
    assert again == set(inside), "what stands before each text is none of it"


def test_what_is_put_before_a_text_moves_no_place(tmp_path: Path) -> None:
    after = operate(reader(tmp_path), ["context"]).backbone.eval()
    forward: Any = vars(after)["forward"]
    x = after.card.input.collate(list(after.card.input.prepare([PAIR])))
    wanted = after(x)["places"]
    inner = type(after).forward.__get__(after)

    def prompted(given: Any) -> Any:
        found = inner(given)
        found["tokens"] = torch.cat([torch.zeros_like(found["tokens"][:, :3]), found["tokens"]], dim=1)
        return found

    forward.inner = prompted
    found = after(x)["places"]
    assert torch.equal(found[:, 3:], wanted) and not found[:, :3].any()


def test_answers_that_are_cut_off_or_too_long_are_told(tmp_path: Path) -> None:
    """Eight tokens hold the marks, the question and four words of the context."""
    after: Any = operate(reader(tmp_path, most=8), ["context"]).backbone
    context = "ma red mb blue mc grey"
    labels = [
        Asked(((3, "red"),), "ma", context).packed(),
        Asked(((18, "grey"),), "mc", context).packed(),
        Asked((), "md", context).packed(),
        Asked(((0, "ma red mb"),), "ma", context).packed(),
        Asked(((18, "grey"), (0, "ma")), "mc", context).packed(),
    ]
    found = head_of(after, most_tokens=2).cut(labels)
    assert found.places == [1, 3] and "cut off, or longer than 2 tokens" in found.what
    assert head_of(after).cut(labels[:1]) is None
    assert after.card.input.cut([("ma", context), ("ma", "ma")]).places == [0]


def test_networks_without_places_are_refused(tmp_path: Path) -> None:
    plain = reader(tmp_path)
    with pytest.raises(UsageError, match=r"surgery='context'|surgery context"):
        head_of(plain)
    with pytest.raises(UsageError, match="Take a text network"):
        operate(toys.source("timm:test_resnet"), ["context"])
    with pytest.raises(UsageError, match="stand already"):
        operate(plain, ["context", "context"])
    terms = load_source("tfidf:words", {"texts": ["good film", "bad film", "good cast"]})
    with pytest.raises(UsageError, match="context"):
        operate(terms, ["context"])
    with pytest.raises(ValueError, match="must be from 0"):
        Spans(dropout=1.0)
    with pytest.raises(ValueError, match="must be at least 1"):
        Spans(most_tokens=0)
    expects = operate(plain, ["context"]).backbone.card.input
    assert "single texts" in expects.refuses(["ma"]) and not expects.refuses([PAIR])
