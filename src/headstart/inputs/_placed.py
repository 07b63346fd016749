"""Where in a text its tokens stand: the first one of each word, or all of them in the second text of a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from headstart.core.errors import UsageError
from headstart.inputs._context import context_places
from headstart.inputs._words import first_tokens, word_spans

if TYPE_CHECKING:
    import torch


class Placed:
    """An input of texts that tells where tokens stand, beside these."""

    prefix: str
    separate: bool
    marks_words: bool
    marks_context: bool
    _tokenizer: Any

    def by_words(self) -> Self:
        """Return the input that tells where words begin. UsageError: its tokenizer does not say what it made tokens
        of, or the texts of a pair are shown by themselves.
        """
        self._check_places("words")
        return replace(self, marks_words=True)  # pyright: ignore[reportArgumentType]  # a dataclass, as all inputs are

    def by_context(self) -> Self:
        """Return the input that tells where in the second text of a pair tokens stand. UsageError: as of `by_words`."""
        self._check_places("context")
        return replace(self, marks_context=True)  # pyright: ignore[reportArgumentType]  # likewise

    def _check_places(self, what: str) -> None:
        if self.separate or not getattr(self._tokenizer, "is_fast", False):
            why = "shows pairs apart" if self.separate else "has a tokenizer that does not say where its tokens begin"
            mend = "Take one with a tokenizer.json, such as BERT's or RoBERTa's."
            raise UsageError(f"{what}: this network {why}. {mend}")

    def _unplaced(self, inputs: Sequence[Any]) -> str:
        """Say why there are no places in these inputs, in words that follow "The network"; "" where there are."""
        if self.marks_words and not all(isinstance(item, str) for item in inputs):
            return "tells the words of single texts (surgery `words`), and these are pairs"
        if self.marks_context and not all(isinstance(item, tuple) for item in inputs):
            return "looks for answers in the second text of a pair (surgery `context`), and these are single texts"
        return ""

    def _places(self, tokens: Any, columns: Sequence[Sequence[str]]) -> Mapping[str, Any]:
        """Find the places in texts, each with its prefix, of what the tokenizer gave for them."""
        if self.marks_words:
            words = [word_spans(text, len(self.prefix)) for text in columns[0]]
            return {"word_places": [first_tokens(*each) for each in zip(words, tokens["offset_mapping"], strict=True)]}
        if not self.marks_context:
            return {}
        contexts = [text[len(self.prefix) :] for text in columns[1]]
        offsets = [(np.array(each) - len(self.prefix)).clip(min=0) for each in tokens["offset_mapping"]]
        texts = [tokens.sequence_ids(row) for row in range(len(contexts))]
        starts, ends = zip(*map(context_places, contexts, offsets, texts), strict=True)
        return {"context_starts": starts, "context_ends": ends}

    def _made_up(self, ones: torch.Tensor) -> dict[str, torch.Tensor]:
        """Make places for made-up texts, each token a word or a sign."""
        places = ones.cumsum(dim=-1)
        more = {"word_places": places} if self.marks_words else {}
        return more | ({"context_starts": places - 1, "context_ends": places} if self.marks_context else {})
