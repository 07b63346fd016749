"""BLEU (Papineni et al. 2002, ACL P02-1040): n-grams of the answers that are in the labels, over all rows together.

Words, smoothing and brevity penalty are those of sacreBLEU's default (Post 2018, arXiv:1804.08771): the tokens of
mteval-v13a, and for lengths without a match 1/2, 1/4 … of one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.types import Form
from headstart.metrics._texts import OfTexts, matches

LONGEST = 4  # words of an n-gram
ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
APART = tuple(  # marks that are words of their own
    (re.compile(pattern), by)
    for pattern, by in (
        (r"([!-&(-+:-@/\[-`{-~ ])", r" \1 "),
        (r"([^0-9])([.,])", r"\1 \2 "),
        (r"([.,])([^0-9])", r" \1 \2"),
        (r"([0-9])(-)", r"\1 \2 "),
    )
)


@dataclass(frozen=True)
class Bleu(OfTexts):
    """Word n-grams of the answers that are in the labels, up to four words long, with a penalty for short answers."""

    title: ClassVar[str] = "BLEU"
    limits: ClassVar[tuple[float, float]] = (0.0, 100.0)

    def unit(self, form: Form, names: Sequence[str]) -> str:
        """Return the unit."""
        return "0 to 100, all rows together"

    def counts(self, label: str, answer: str) -> Sequence[float]:
        """Count by length the n-grams of the answer that match and all of them; the words of answer and label."""
        wanted, found = words(label), words(answer)
        each = [matches(wanted, found, length) for length in range(1, LONGEST + 1)]
        return [*(both for *_, both in each), *(own for _, own, _ in each), len(found), len(wanted)]

    def of(self, sums: np.ndarray) -> np.ndarray:
        """Multiply the geometric mean of the precisions by the brevity penalty."""
        right, every, (found, wanted) = sums[:LONGEST], sums[LONGEST : 2 * LONGEST], sums[2 * LONGEST :]
        halves = 2.0 ** np.cumsum(right == 0, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = np.where(right > 0, right, 1 / halves) / every
            short = np.exp(np.minimum(0.0, 1 - wanted / found))
            score = 100 * short * np.exp(np.log(precision).mean(axis=0))
        return np.where((right[0] > 0) & (every > 0).all(axis=0), score, 0.0)


def words(text: str) -> list[str]:
    """Cut a text into words and marks, as mteval-v13a does."""
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, mark in ENTITIES:
        text = text.replace(entity, mark)
    text = f" {text} "
    for pattern, by in APART:
        text = pattern.sub(by, text)
    return text.split()
