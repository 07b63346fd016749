"""Words of a text that are left out, hidden or exchanged (EDA; Wei & Zou 2019, arXiv:1901.11196, without synonyms).

A word is a token of the network's tokenizer, so that languages without spaces between words are no special case: often
a whole word of English, a sign or two of Chinese.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.inputs.text import Text

TERMS = ("term_ids", "term_weights")  # beside the tokens, in no order
Tokens = dict[str, np.ndarray]  # of a text, by name


@dataclass(frozen=True)
class Words:
    """Shares of a text's words that are exchanged with others, hidden behind the tokenizer's mask, and left out."""

    swap: float = 0.0
    hide: float = 0.0
    drop: float = 0.0

    def show(self, raw: Any, expects: Text) -> Any:
        """Make one example of the tokens of a text; of a pair that is separate, of both."""
        return tuple(self._one(text, expects) for text in raw) if expects.separate else self._one(raw, expects)

    def _one(self, tokens: Tokens, expects: Text) -> Tokens:
        """Change what stands for words, and leave marks of the tokenizer where they are; terms are only left out."""
        if expects.marks_words or expects.marks_context:  # which have answers: they stay where they are
            return self._hidden({name: array.copy() for name, array in tokens.items()}, expects)
        words, places = expects.words(tokens), np.arange(len(tokens["input_ids"]))
        for run in np.split(words, np.flatnonzero(np.diff(words) > 1) + 1):  # a mark stands between two texts
            _exchange(places, run, round(self.swap * len(run)))
        made = {name: array[places] for name, array in tokens.items() if name not in TERMS}
        if expects.hidden is not None:
            made["input_ids"][words[_chosen(len(words), self.hide)]] = expects.hidden
        made = _without(made, words[self._dropped(len(words))])
        terms = {name: tokens[name] for name in TERMS if name in tokens}
        return made | (_without(terms, self._dropped(len(terms[TERMS[0]]))) if terms else {})

    def _hidden(self, tokens: Tokens, expects: Text) -> Tokens:
        """Hide as many words as are exchanged, hidden and left out elsewhere; none without a mask."""
        words = expects.words(tokens)
        if expects.hidden is not None:
            tokens["input_ids"][words[_chosen(len(words), self.swap + self.hide + self.drop)]] = expects.hidden
        return tokens

    def _dropped(self, count: int) -> np.ndarray:  # [count] bool
        """Choose what is left out: never everything."""
        drawn = _random(count)
        return (drawn < self.drop) & (drawn < drawn.max(initial=0))


def _random(count: int) -> np.ndarray:
    import torch

    return torch.rand(count).numpy()


def _chosen(count: int, share: float) -> np.ndarray:  # [count] bool
    return _random(count) < share


def _exchange(order: np.ndarray, places: np.ndarray, count: int) -> None:
    for one, other in (_random(2 * count).reshape(-1, 2) * len(places)).astype(int):
        order[places[[one, other]]] = order[places[[other, one]]]


def _without(arrays: Tokens, places: np.ndarray) -> Tokens:
    return {name: np.delete(array, places) for name, array in arrays.items()}
