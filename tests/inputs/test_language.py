"""The language of texts is told by script, and English by its common words."""

from __future__ import annotations

import pytest

from headstart.inputs.text import Text


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["The film is one of the best that I have seen.", "It was dull."], ("en",)),
        (["Der Film war sehr gut, und das Ende hat mir gefallen.", "Ein Mann in einem Auto"], ("und-Latn",)),
        (["Un homme est assis dans la rue.", "Deux chiens jouent avec une balle"], ("und-Latn",)),
        (["een man en een vrouw zitten op straat", "het is mooi weer vandaag"], ("und-Latn",)),
        (["味道很好，送得也快", "太慢了"], ("zh",)),
        (["この映画は面白かった。", "天気が良い"], ("ja",)),
        (["오늘 날씨가 좋다"], ("ko",)),
        (["Фильм очень хороший"], ("und-Cyrl",)),
        (["The dog is here and this is fine.", "Le chien est là, et il joue."], ("en", "und-Latn")),
        (["iPhone 15 味道很好送得也快"], ("zh", "und-Latn")),
        ([("what is this?", "an answer to that")], ("en",)),
        (["12:30", ""], ()),
    ],
)
def test_languages(texts: list[str], expected: tuple[str, ...]) -> None:
    assert Text.languages(texts) == expected


def test_a_few_foreign_words_are_no_second_language() -> None:
    assert Text.languages(["the food of the house is good"] * 9 + ["très bon"]) == ("en",)
