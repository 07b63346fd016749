"""Tell the language of texts by their script and, in Latin letters, by common English words: cheap and coarse.

Codes are those of BCP 47: "en", "zh", "ja", "ko", "el", "he", "th"; of a script that many languages share "und-Latn"
(not English), "und-Cyrl", "und-Arab", "und-Deva"; "und" of any other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

MOST_SIGNS = 500  # of a text
LEAST_SHARE = 0.1  # of the letters, from which on a language counts as spoken
ENGLISH_SHARE = 0.04  # of the words of an English text, at least, are among those below
MOSTLY, PARTLY = 0.6, 0.25  # of Latin letters in such texts: all is taken for English, or a part
HAN_WEIGHT = 3  # letters of an alphabet that say as much as one sign

ENGLISH = """
the and of to is that with it this you have be not are from they which what his her how but there been their my would
could should about who when where why your than then these those very just out our if or for was
"""
OTHER = """
der die das und ein eine ist nicht mit den dem zu auf ich sich het een van en de niet zijn dat voor le la les et un une
des est du pour dans que qui je pas el los las y una del por con es se no il di che per non sono della um uma os não
em och att det som på en av ikke er jag i na nie się to jest w z że je se na v že ve bir bu ne için
"""  # the commonest words of other languages in Latin letters
SCRIPTS = {
    "und-Latn": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
    "zh": "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f",
    "ja": "\u3040-\u30ff",
    "ko": "\u1100-\u11ff\uac00-\ud7af",
    "und-Cyrl": "\u0400-\u052f",
    "und-Arab": "\u0600-\u06ff\u0750-\u077f",
    "und-Deva": "\u0900-\u097f",
    "el": "\u0370-\u03ff",
    "he": "\u0590-\u05ff",
    "th": "\u0e00-\u0e7f",
}
SIGNS = {code: re.compile(f"[{signs}]") for code, signs in SCRIPTS.items()}
OTHERS = re.compile(rf"[^\W\d_{''.join(SCRIPTS.values())}]")
COMMON, FOREIGN = frozenset(ENGLISH.split()), frozenset(OTHER.split()) - frozenset(ENGLISH.split())
WORDS = re.compile(f"[{SCRIPTS['und-Latn']}]+")


def languages(texts: Sequence[str]) -> tuple[str, ...]:
    """Tell the languages of texts.

    Args:
        texts: A sample will do.

    Returns:
        Codes, the most frequent first; () where there are no letters.
    """
    found: Counter[str] = Counter()
    english = 0
    for text in (text[:MOST_SIGNS] for text in texts):
        counts = {code: len(signs.findall(text)) for code, signs in SIGNS.items()}
        counts["und"] = len(OTHERS.findall(text))
        counts["zh"] *= HAN_WEIGHT
        if counts["ja"]:  # Japanese is written with Chinese signs besides
            counts["ja"], counts["zh"] = counts["ja"] * HAN_WEIGHT + counts["zh"], 0
        found.update(counts)
        words = WORDS.findall(text.lower())
        hits = sum(word in COMMON for word in words)
        if hits > sum(word in FOREIGN for word in words) and hits >= ENGLISH_SHARE * len(words):
            english += counts["und-Latn"]
    latin, total = found.pop("und-Latn"), found.total()
    share = english / latin if latin else 0.0
    found["en"] = latin if share >= MOSTLY else english if share >= PARTLY else 0
    found["und-Latn"] = latin - found["en"]
    total += latin
    return tuple(code for code, count in found.most_common() if count and count >= LEAST_SHARE * total)
