"""Whether texts are in scripts that put no space between words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

# Thai and Lao, Tibetan, Burmese, Khmer, Japanese syllables, Chinese characters
_UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
ROWS, SIGNS = 500, 200  # texts that are looked at, and signs of each


def unspaced(texts: Sequence[Any]) -> bool:
    """Return whether most letters of texts, or of pairs of texts, are of scripts without spaces between words."""
    step = max(1, len(texts) // ROWS)
    items = [texts[place] for place in range(0, len(texts), step)]
    sample = "".join(text[:SIGNS] for item in items for text in ([item] if isinstance(item, str) else item))
    own = len(_UNSPACED.findall(sample))
    return own > sum(sign.isalpha() for sign in _UNSPACED.sub("", sample))
