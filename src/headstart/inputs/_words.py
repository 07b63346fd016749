"""Words of a text, as what stands between white space, and the token that each of them begins with."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

WORD = re.compile(r"\S+")


def joined(words: Sequence[object]) -> str:
    """Make a text of words, whose words these are again; white space inside of one becomes "_"."""
    return " ".join("_".join(str(word).split()) for word in words)


def word_spans(text: str, start: int = 0) -> list[tuple[int, int]]:
    """Find where each word of a text begins and ends, from a place on."""
    return [found.span() for found in WORD.finditer(text, start)]


def first_tokens(spans: Sequence[tuple[int, int]], offsets: Sequence[tuple[int, int]]) -> np.ndarray:
    """Find the token that each word begins with.

    A token belongs to the first word that it has a sign of, whatever white space stands before it: byte-level and
    SentencePiece tokenizers count that in, WordPiece does not.

    Args:
        spans: Of the words.
        offsets: Where each of T tokens begins and ends in the text; (0, 0) for marks of the tokenizer.

    Returns:
        [T] int32: at the number of each word, the place of its first token plus 1; 0 for words without a token, and
        behind the last word. A word that has a token is never behind that, so that T places are enough.
    """
    found = np.zeros(len(offsets), dtype=np.int32)
    word = 0
    for place, (start, end) in enumerate(offsets):
        while word < len(spans) and spans[word][1] <= start:
            word += 1
        if word < len(spans) and end > max(start, spans[word][0]) and not found[word]:
            found[word] = place + 1
    return found
