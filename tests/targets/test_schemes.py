"""Schemes of tags: recognised, read, written; what contradicts one is refused."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.targets._schemes import BadTags, as_places, entities_in, scheme_of, spans, tags_of, written

SAME = {  # New York Rome met Ann: two places side by side, then a person
    "IOB1": "I-L I-L B-L O I-P",
    "IOB2": "B-L I-L B-L O B-P",
    "IOBES": "B-L E-L S-L O S-P",
    "BILOU": "B-L L-L U-L O U-P",
}
ENTITIES = [(0, 2, "L"), (2, 3, "L"), (4, 5, "P")]


@pytest.mark.parametrize("scheme", SAME)
def test_a_scheme_is_recognised_read_and_written_back(scheme: str) -> None:
    tags = SAME[scheme].split()
    assert scheme_of([tags]) == scheme
    assert entities_in(tags, scheme) == ENTITIES
    assert written(ENTITIES, 5, scheme) == tags
    places = as_places(ENTITIES, 5, ["L", "P"])
    assert places.tolist() == [1, 2, 1, 0, 3] and spans(places.astype(int)) == [(0, 2, 0), (2, 3, 0), (4, 5, 1)]


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("DET NOUN VERB", ""),
        ("O NOUN O", ""),
        ("I-A I-A O I-B", "IOB1"),  # no entity stands behind another of its class
        ("B I O", "IOB2"),  # of one class without a name
        ("B I E", ""),  # letters that are tags of their own: nothing is O
        ("O O", ""),
        ("B-A I-A O I-B B-A", "IOB2"),  # two of three entities begin with B-
        ("B-A PER O", "IOB2"),  # PER is refused, as it is none of it
    ],
)
def test_other_tags(tags: str, scheme: str) -> None:
    assert scheme_of([tags.split()]) == scheme


@pytest.mark.parametrize(
    ("tags", "scheme", "said"),
    [
        ("O I-A", "IOB2", "I-A for tag 2, where no entity of its class has begun"),
        ("B-A I-B", "IOB2", "I-B for tag 2"),
        ("O B-A", "IOB1", "B-A for tag 2, which follows no entity of its class"),
        ("B-A O", "IOBES", "B-A for tag 1, and its entity has no last word"),
        ("O E-A", "IOBES", "E-A for tag 2"),
        ("B-A I-A", "BILOU", "no last word"),
        ("B-A PER", "IOB2", "'PER' for tag 2, which is none of IOB2"),
        ("S-A", "IOB2", "none of IOB2"),
    ],
)
def test_tags_that_contradict_their_scheme(tags: str, scheme: str, said: str) -> None:
    with pytest.raises(BadTags, match=said):
        entities_in(tags.split(), scheme)


def test_two_schemes_at_once_and_cells_that_are_no_tags() -> None:
    with pytest.raises(BadTags, match=r"IOBES and .* BILOU"):
        scheme_of([["S-A", "U-A", "O"]])
    assert tags_of("['O', 'B-A']") == tags_of("O  B-A") == tags_of(("O", "B-A")) == ["O", "B-A"]
    for cell in (3.0, None, ["B-first name"], ["O", ""]):
        with pytest.raises(BadTags):
            tags_of(cell)


def test_words_that_are_not_seen_end_an_entity() -> None:
    assert spans(np.array([1, 2, -1, 2, 2, 4])) == [(0, 2, 0), (3, 5, 0), (5, 6, 1)]
