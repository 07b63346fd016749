"""The token that each word begins with, for tokenizers of every usual kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from headstart.core.errors import UsageError
from headstart.inputs._words import first_tokens, joined, word_spans
from headstart.inputs.text import Text

TEXTS = ["Anna visited Reykjavik twice .", "the unbelievable (old) town", "New-York 's streets,  and more"]


def trained(kind: str) -> Tokenizer:
    """Train a tokenizer such as BERT's, RoBERTa's, or XLM-R's on a few texts."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    if kind == "wordpiece":
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)  # type: ignore[assignment]
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # type: ignore[assignment]
        trainer: Any = trainers.WordPieceTrainer(vocab_size=60, special_tokens=special)
    elif kind.startswith("bytes"):
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=kind == "bytes")  # type: ignore[assignment]
        made.decoder = decoders.ByteLevel()  # type: ignore[assignment]
        trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special)
    else:
        made = Tokenizer(models.Unigram())
        made.pre_tokenizer = pre_tokenizers.Metaspace()  # type: ignore[assignment]
        trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=special, unk_token="[UNK]")
    made.train_from_iterator(TEXTS * 5, trainer)
    ends = [(name, made.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, ends)  # type: ignore[assignment]
    return made


@pytest.mark.parametrize("kind", ["wordpiece", "bytes", "bytes without a blank before", "unigram"])
def test_the_first_token_of_each_word(kind: str, tmp_path: Path) -> None:
    made = PreTrainedTokenizerFast(tokenizer_object=trained(kind), pad_token="[PAD]", unk_token="[UNK]")
    made.save_pretrained(tmp_path)
    expects = Text(str(tmp_path), 64, prefix="query: ").by_words()
    for text, item in zip(TEXTS, expects.prepare(TEXTS), strict=True):
        words, places = text.split(), item["word_places"]
        assert len(places) == len(item["input_ids"]) and (places[len(words) :] == 0).all()
        firsts = (places[: len(words)] - 1).tolist()
        assert min(firsts) > 0 and firsts == sorted(set(firsts)), "each word has a token, in order, no mark"
        offsets: Any = made("query: " + text, return_offsets_mapping=True)["offset_mapping"]
        for word, place in zip(words, firsts, strict=True):
            own = ("query: " + text)[slice(*offsets[place])].strip()
            assert own and word.startswith(own), (word, own)
        assert "word_places" not in Text(str(tmp_path), 64).prepare([text])[0], (
            "nothing is told where words are not asked for"
        )


def test_words_beyond_the_limit_have_no_token_and_are_counted(tmp_path: Path) -> None:
    PreTrainedTokenizerFast(
        tokenizer_object=trained("wordpiece"),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    ).save_pretrained(tmp_path)
    expects = Text(str(tmp_path), 8).by_words()
    places = expects.prepare([TEXTS[0]])[0]["word_places"]
    seen = int((places > 0).sum())
    assert 0 < seen < 5
    told = expects.cut([TEXTS[0], "town"])
    assert told is not None and f"so that {5 - seen} words of them get no answer" in told.what


def test_words_without_a_token_are_passed_over() -> None:
    spans = word_spans("ab \u200b cd")
    assert spans == [(0, 2), (3, 4), (5, 7)]
    assert first_tokens(spans, [(0, 0), (0, 1), (1, 2), (4, 7), (0, 0)]).tolist() == [2, 0, 4, 0, 0]
    assert np.array_equal(first_tokens([], [(0, 0)]), [0])


def test_a_list_of_words_is_a_text_of_as_many() -> None:
    assert joined(["5 000", "km", "\u00a0x"]) == "5_000 km x" and len(joined(["a b", "c"]).split()) == 2


def test_a_tokenizer_that_says_no_places_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PreTrainedTokenizerFast(tokenizer_object=trained("unigram"), pad_token="[PAD]").save_pretrained(tmp_path)
    expects = Text(str(tmp_path), 8)
    monkeypatch.setattr(type(expects._tokenizer), "is_fast", False)
    with pytest.raises(UsageError, match=r"does not say where its tokens begin.*tokenizer\.json"):
        expects.by_words()
