"""Texts and pairs of texts, to padded token tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from headstart.core.counting import agree, counted
from headstart.core.errors import BadRows, Problem, UsageError
from headstart.core.input import EMPTY, Cut, Input
from headstart.core.interface import option
from headstart.core.kept import Kept
from headstart.core.lazy import Lazy
from headstart.core.offer import Offer
from headstart.core.told import told
from headstart.inputs import PIECES
from headstart.inputs._evidence import cut_pieces, text_pieces
from headstart.inputs._language import languages
from headstart.inputs._marked import Marked
from headstart.inputs._placed import Placed
from headstart.inputs._prompted import Prompted
from headstart.inputs._prompts import prompts
from headstart.inputs._scripts import unspaced
from headstart.inputs._terms import FILE, Terms
from headstart.inputs._text_columns import columns_of_text, is_words, texts_of
from headstart.inputs._text_shown import kept_and_cut, previewed, way
from headstart.inputs._tokens import TYPES, load_tokenizer, padded, shared_tokenizer

if TYPE_CHECKING:
    import pandas as pd
    import torch

FOLDER, TERMS = "tokenizer", "terms"  # in a saved model
KEPT_BYTES = 256 << 20  # of texts' tokens
LONGEST_TRIAL = 1024  # tokens of a text by which a network is tried
MOST_SPECIAL = 8  # tokens that a tokenizer adds to a text or a pair, at most
SAMPLE = 1000  # texts whose language and tokens are looked at


@dataclass(frozen=True)
class Text(Prompted, Placed, Marked, Input):
    """What a backbone expects of a text: the folder of its tokenizer, the most tokens, words added to the tokenizer.

    positions: the most tokens that the network could take; None where that is not known.
    A pair of texts is one sequence [B, T] with a mark between them; where it is `separate`, two of their own [B, 2, T].
    Single texts and pairs may stand beside each other, where the pairs are not separate.
    A tokenizer may give the tokens of a text weights.
    prefix: what the network was trained to find before each text. marks_words: whether the place of the first token
    of each word is told beside the tokens (`inputs/_words.py`). marks_context: whether it is told where in the second
    text of a pair each token stands (`inputs/_context.py`). terms: the folder of terms that are told, with their
    weights, beside the tokens; "" is none. answers: most tokens of an answer that is laid behind a text; 0: none.
    """

    order: ClassVar[int] = 20
    plural: ClassVar[str] = "texts"
    shared: ClassVar[str] = "text"
    label_like: ClassVar[bool] = True
    ragged: ClassVar[bool] = True
    hub: ClassVar[tuple[str, ...]] = ("text-classification",)
    files: ClassVar[tuple[str, ...]] = ("tokenizer", "terms")
    parts: ClassVar[str] = "tokens"
    broad: ClassVar[str] = "hf:intfloat/multilingual-e5-small"

    tokenizer: str
    max_length: int
    added: tuple[str, ...] = ()
    separate: bool = False
    prefix: str = ""
    terms: str = ""
    marks_words: bool = False
    answers: int = 0
    marks_context: bool = False
    positions: int | None = field(default=None, compare=False)

    @classmethod
    def holds(cls, cells: Sequence[Any]) -> bool:
        """Return whether the first cell is text, or a list of words."""
        return isinstance(cells[0], str) or is_words(cells[0])

    @classmethod
    def columns(cls, frame: pd.DataFrame, own: Sequence[str], numbers: Sequence[str]) -> tuple[str, ...]:
        """Choose as `columns_of_text` does. UsageError: more than two columns hold free text."""
        return columns_of_text(frame, own)

    @classmethod
    def read(cls, frame: pd.DataFrame, columns: Sequence[str]) -> Sequence[Any]:
        """Take the cells of one column as texts, or of two as pairs: see `texts_of`."""
        return texts_of(frame, columns)

    @classmethod
    def loose(cls, items: Any, columns: Sequence[str]) -> dict[str, list[Any]]:
        """Take texts, or pairs where there are two columns.

        Args:
            items: The examples.
            columns: The input's.

        Returns:
            Texts by column.

        Raises:
            DataError: Some are no pairs; all are listed.
        """
        cells = list(items)
        if len(columns) == 1:
            return {columns[0]: cells}
        lone = [Problem(f"[{place}]", "is not a pair of texts") for place, c in enumerate(cells) if not _is_pair(c)]
        if lone:
            raise BadRows("The model predicts from pairs of texts:", lone)
        return {name: [cell[place] for cell in cells] for place, name in enumerate(columns)}

    @classmethod
    def preview(cls, item: Any, columns: Sequence[str]) -> dict[str, Any]:
        """Show the beginning of the text, or of both."""
        return previewed(item)

    @classmethod
    def pieces(cls, item: Any, columns: Sequence[str], rows: Any) -> list[tuple[str, Any]]:
        """Cut the text, or both, into words; a long one into phrases."""
        return text_pieces(item)

    @classmethod
    def weighed(cls, pieces: Sequence[tuple[str, float]]) -> dict[str, Any]:
        """Show the beginning of the text, and the strongest piece."""
        return {PIECES: cut_pieces(pieces)}

    @classmethod
    def surgeries(cls, columns: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Try a pair as one sequence, and as two texts."""
        return ((),) if len(columns) == 1 else ((), ("siamese",))

    @classmethod
    def size_of(cls, item: Any) -> tuple[int, int] | None:
        """Return the number of words of a text, and 1; None of a pair."""
        return (len(item.split()), 1) if isinstance(item, str) else None

    def in_parts(self) -> Self:
        """Return the input that shows both texts of a pair by themselves. UsageError: they have terms in common."""
        if self.terms:
            raise UsageError("The texts of a pair cannot be told apart where their terms stand beside the features.")
        return replace(self, separate=True)

    def with_terms(self, by: Any, texts: Sequence[Any]) -> tuple[Self, int]:
        """Return the input that tells the terms of a text, and their number. UsageError: there are no texts to learn
        from, or the texts of a pair are shown by themselves.
        """
        if self.separate:
            raise UsageError("add_terms: the texts of a pair go through this network one by one (surgery `siamese`).")
        if not len(texts):
            raise UsageError("add_terms learns from the training texts, and there are none here: name the data.")
        terms = Terms.learn(texts, by)
        return replace(self, terms=str(terms.in_a_folder())), len(terms.terms)

    def refuses(self, inputs: Sequence[Any]) -> str:
        """Refuse lone texts where there must be pairs, pairs where words are told, and lengths that leave nothing."""
        if self.answers and not all(isinstance(item, str) for item in inputs):
            return "goes on with single texts, and these are pairs: put both into one column"
        if unplaced := self._unplaced(inputs):
            return unplaced
        if self.separate and not all(isinstance(item, tuple) for item in inputs):
            return "takes pairs of texts, each for itself (surgery `siamese`), and these are single texts"
        if self.max_length > MOST_SPECIAL or isinstance(self._tokenizer, Terms) or not len(inputs):
            return ""
        special = self._tokenizer.num_special_tokens_to_add(isinstance(inputs[0], tuple) and not self.separate)
        if self.max_length <= special:
            mend = option("surgery", f"adapt_input max_length={special + 1}")
            return f"takes {self.max_length} tokens, and {special} are special ones: nothing of a text is left ({mend})"
        return ""

    def wrong(self, inputs: Sequence[Any]) -> list[tuple[int, str]]:
        """Find texts that give no token at all; only those without any letter or digit are looked at."""
        if isinstance(self._tokenizer, Terms):  # a text of words that are all unknown has an answer too
            return []
        bare = [place for place, item in enumerate(inputs) if self._may_be_empty(item)]
        items = self.prepare([inputs[place] for place in bare])
        lengths = [min(map(_length, item)) if self.separate else _length(item) for item in items]
        return [(place, EMPTY) for place, length in zip(bare, lengths, strict=True) if not length]

    def _may_be_empty(self, item: Any) -> bool:
        if isinstance(item, str):
            return not item[:1].isalnum() and not any(map(str.isalnum, item))
        blank = [not any(map(str.isalnum, text)) for text in item]
        return any(blank) if self.separate else all(blank)

    def cut(self, inputs: Sequence[Any]) -> Cut | None:
        """Find texts of more tokens than the network takes."""
        if isinstance(self._tokenizer, Terms) or not len(inputs):
            return None
        lengths = self.lengths(self.prepare(inputs))
        full = [place for place in range(len(inputs)) if lengths[place] >= self.max_length]
        whole = [max(map(len, self._whole(inputs[place]))) for place in full]
        places = [place for place, length in zip(full, whole, strict=True) if length > self.max_length]
        most = min(max(whole, default=0), self.positions or max(whole, default=0))
        mend = option("surgery", f"adapt_input max_length={most}") if most > self.max_length else ""
        be = agree(len(places), "are")
        what = f"{be} longer than {counted(self.max_length, 'tokens')} and {be} cut"
        if self.marks_words:
            texts = [inputs[place] for place in places]
            pairs = zip(texts, self.prepare(texts), strict=True)
            lost = sum(len(text.split()) - int((item["word_places"] > 0).sum()) for text, item in pairs)
            what += f", so that {counted(lost, 'words')} of them get no answer"
        return Cut(places, what, mend) if places else None

    def _whole(self, item: Any) -> list[list[int]]:
        """Tokenise a text or a pair without cutting it; both texts of a pair by themselves where it is `separate`."""
        texts = [self.prefix + text for text in ([item] if isinstance(item, str) else item)]
        if self.answers:
            return prompts(self._tokenizer, texts)
        calls = [[text] for text in texts] if self.separate else [texts]
        return [self._tokenizer(*call, verbose=False)["input_ids"] for call in calls]

    def prepare(self, inputs: Sequence[Any]) -> Lazy:
        """Tokenise when it is asked for: of each row its tokens by name; where a pair is `separate`, of both texts."""
        assert self._tokenizer is not None  # one that cannot be loaded is told now
        return Lazy(inputs, self._tokens)

    def _tokens(self, inputs: Sequence[Any]) -> list[Any]:
        if not self.separate:
            return self._prepared(inputs)
        texts = self._prepared([text for pair in inputs for text in pair])
        return list(zip(texts[::2], texts[1::2], strict=True))

    @classmethod
    def measure(cls, inputs: Sequence[Any], columns: Sequence[str]) -> dict[str, Any]:
        """Hand over the texts themselves."""
        return {"texts": inputs}

    @classmethod
    def baselines(cls, inputs: Sequence[Any]) -> tuple[Offer, ...]:
        """Compare with TF-IDF: of words, or of characters where the script has no spaces between words."""
        source = "tfidf:chars" if unspaced(inputs) else "tfidf:words"
        return (Offer(source, why="which needs no pretrained model", pretrained=False),)

    @classmethod
    def additions(cls, inputs: Sequence[Any]) -> tuple[str, ...]:
        """Add the terms of the texts to what a network makes of them."""
        return (f"add_terms by={'chars' if unspaced(inputs) else 'words'}",)

    def unknown(self, inputs: Sequence[Any]) -> float:
        """Count the unknown tokens among the tokens of a sample of the texts."""
        mark = self._tokenizer.unk_token_id
        if mark is None or not len(inputs):
            return 0.0
        others = set(self._tokenizer.all_special_ids) - {mark}
        step = max(1, len(inputs) // SAMPLE)
        prepared = self._prepared([inputs[place] for place in range(0, len(inputs), step)])
        ids = np.concatenate([item["input_ids"] for item in prepared])
        ids = ids[~np.isin(ids, list(others))]
        return float((ids == mark).mean()) if len(ids) else 0.0

    @classmethod
    def languages(cls, inputs: Sequence[Any]) -> tuple[str, ...]:
        """Tell the languages from a sample of the texts."""
        step = max(1, len(inputs) // SAMPLE)
        return languages([item if isinstance(item, str) else " ".join(item) for item in inputs[::step]])

    def _prepared(self, inputs: Sequence[Any]) -> list[dict[str, np.ndarray]]:
        """Tokenise, cut to the most tokens that the network takes; tokens of a text that comes again are kept."""
        found: dict[Any, dict[str, np.ndarray] | None] = {text: self._kept.get(text) for text in inputs}
        new = [text for text, tokens in found.items() if tokens is None]
        pairs = [text for text in new if isinstance(text, tuple)]
        for alike in (pairs, [text for text in new if isinstance(text, str)]) if pairs else (new,):
            for start in range(0, len(alike), 1000):
                part = alike[start : start + 1000]
                for text, tokens in zip(part, self._tokenise(part), strict=True):
                    found[text] = tokens
                    self._kept.put(text, tokens, 500 + 2 * len(str(text)) + sum(ids.nbytes for ids in tokens.values()))
        return [found[text] for text in inputs]  # pyright: ignore[reportReturnType]  # none is left open

    def forget(self) -> None:
        """Let go of the tokens of all texts."""
        self._kept.forget()

    def lengths(self, prepared: Sequence[Any]) -> np.ndarray:
        """Count tokens, [N]; of two texts those of the longer one."""
        if self.separate:
            return np.array([max(map(_length, pair)) for pair in prepared])
        return np.array([_length(item) for item in prepared])

    def seen(self, example: Any, inputs: Sequence[Any]) -> dict[str, Any]:
        """Show the tokens that are kept, and those that are cut."""
        lone = isinstance(inputs[0], str) and not isinstance(self._tokenizer, Terms)
        whole = self._whole(inputs[0])[0] if lone else []
        cut = whole[: -self.max_length] if self.answers else whole[self.max_length :]
        return kept_and_cut(example if self.separate else [example], cut, self._tokenizer)

    def walk(self, inputs: Sequence[Any]) -> list[tuple[str, str]]:
        """Tell what happens to a text, or a pair, which is all that `inputs` has, on its way into the network."""
        item = self.prepare(inputs)[0]
        length = int(self.lengths([item])[0])
        whole = None if isinstance(self._tokenizer, Terms) else max(map(len, self._whole(inputs[0])))
        steps = way(inputs[0], self.prefix, item if self.separate else [item], self._tokenizer, length, whole)
        return [*steps, ("numbers", told(item)), ("a batch of one", told(self.collate([item])))]

    def collate(self, examples: list[Any]) -> dict[str, torch.Tensor]:
        """Pad to the longest text; `attention_mask` is 1 where there is a token."""
        if self.separate:
            batch = self._collated([text for pair in examples for text in pair])
            return {name: tensor.unflatten(0, (-1, 2)) for name, tensor in batch.items()}
        return self._collated(examples)

    def _collated(self, examples: list[dict[str, np.ndarray]]) -> dict[str, torch.Tensor]:
        return padded(examples, self._tokenizer.pad_token_id or 0)

    def blank(self, rows: int) -> dict[str, torch.Tensor]:  # each [B, T], or [B, 2, T]
        """Make texts of a few first words of the vocabulary."""
        import torch

        shape = (rows, *((2,) if self.separate else ()), min(8, self.max_length))
        return self._marked(torch.zeros(shape, dtype=torch.int64))

    def _marked(self, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """Say that all are tokens of texts, with terms where they are told."""
        import torch

        ones = torch.ones_like(ids)
        more = {"term_ids": ones * 0, "term_weights": ones.float()} if self.terms else {}
        more |= self._made_up(ones)
        return {"input_ids": ids, "attention_mask": ones, **more}

    def trial(self) -> dict[str, torch.Tensor]:  # each [1, T], or [1, 2, T]
        """Make a text of the most tokens, the last word of the vocabulary among them."""
        import torch

        known = self._tokenizer
        if isinstance(known, Terms):
            return self.blank(1)
        ids = torch.zeros(1, *((2,) if self.separate else ()), min(self.max_length, LONGEST_TRIAL), dtype=torch.int64)
        ids[..., -1], ids[..., 0] = known.pad_token_id or 0, len(known) - 1
        return self._marked(ids)

    def describe(self) -> str:
        """Describe the length."""
        return f"at most {self.max_length:,} tokens"

    def pack(self, folder: Path) -> Self:
        """Write the tokenizer with its added words into the folder, and the terms."""
        load_tokenizer(self.tokenizer, self.added).save_pretrained(folder / FOLDER)
        if self._terms is not None:
            self._terms.save_pretrained(folder / TERMS)
        return replace(self, tokenizer=FOLDER, added=(), terms=self.terms and TERMS)

    def _tokenise(self, texts: Sequence[Any]) -> list[dict[str, np.ndarray]]:
        columns = [*zip(*texts, strict=True)] if isinstance(texts[0], tuple) else [texts]
        if self.answers:  # of a prompt that is too long the end stays, behind which the answer comes
            whole = prompts(self._tokenizer, [self.prefix + text for text in texts])
            return [{"input_ids": np.asarray(ids[-self.max_length :], TYPES["input_ids"])} for ids in whole]
        first, second, *_ = [*([self.prefix + text for text in column] for column in columns), None]
        tokens = self._tokenizer(
            first,
            second,
            truncation=True,
            max_length=self.max_length,
            return_attention_mask=False,
            return_offsets_mapping=self.marks_words or self.marks_context,
        )
        tokens = {**tokens, **self._places(tokens, [first, second or ()])}
        if self._terms is not None:
            terms = self._terms(*([*column] for column in columns))
            tokens = {**tokens, "term_ids": terms["input_ids"], "term_weights": terms["weights"]}
        types = {name: kind for name, kind in TYPES.items() if name in tokens}
        return [{name: np.asarray(tokens[name][i], kind) for name, kind in types.items()} for i in range(len(texts))]

    @cached_property
    def _kept(self) -> Kept:
        return Kept(KEPT_BYTES)

    @cached_property
    def _tokenizer(self) -> Any:
        return shared_tokenizer(self.tokenizer, self.added)

    @cached_property
    def _terms(self) -> Terms | None:
        return Terms.read(Path(self.terms) / FILE) if self.terms else None


def _length(item: Any) -> int:
    return len(item["input_ids"])


def _is_pair(cell: Any) -> bool:
    return isinstance(cell, list | tuple) and len(cell) == 2 and all(isinstance(text, str) for text in cell)
