"""Let a text network give a hidden state for each word: that of its first token (Devlin et al. 2019, section 5.3).

arXiv:1810.04805: the other tokens of a word are read and not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from headstart.core.types import Features
from headstart.models.operate import Body
from headstart.models.surgery._around import Around
from headstart.models.surgery._of_tokens import put_around


@dataclass(frozen=True)
class Words:
    """Give the hidden state of each word of a text, which is that of its first token, in the place of the tokens'."""

    structural: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = True

    def apply(self, body: Body) -> Self:
        """Let the input say where words begin. UsageError: examples have no words, or the network gives no tokens."""
        put_around(body, "words", OfWords, body.backbone.card.input.by_words(), "gives its words")
        return self


class OfWords(Around):
    """Puts words in the place of tokens: [B, T, D], whose first places hold the words in order; the mask says which."""

    def __call__(self, x: Any) -> Features:
        """Compute the features, those of tokens by words."""
        features, places = self.within(x), x["word_places"]
        tokens = features.get("tokens")
        assert tokens is not None
        before = (places - 1).clamp(min=0) + (tokens.shape[1] - places.shape[1])  # what was put before the text
        features["tokens"] = tokens.gather(1, before.unsqueeze(2).expand(-1, -1, tokens.shape[2]))
        features["mask"] = places > 0
        return features
