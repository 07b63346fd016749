"""Figures of entities are seqeval's, on random taggings: micro-averages, by default and strict."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.metrics._find import load, value
from headstart.metrics._measured import Measured
from headstart.targets._schemes import as_places, entities_in, written
from headstart.targets.tags import Tags

NAMES = ("entity_f1", "entity_precision", "entity_recall", "token_accuracy")
TAGS = Tags(("tags",), ("LOC", "ORG", "PER"), scheme="IOB2")


def ours(labels: list[list[str]], decided: list[list[str]]) -> list[float]:
    """Compute the figures of taggings in IOB2, of which the decided ones may be in any order."""
    places = [
        [np.array([TAGS.tags.index(tag) for tag in tags], dtype=np.uint8) for tags in each]
        for each in (labels, decided)
    ]
    most = max(map(len, labels))
    outputs = np.stack(
        [np.pad(np.stack([own + 1, own * 0], axis=1), ((0, most - len(own)), (0, 0))) for own in places[1]]
    )
    return [value(load(name), Measured("tags", TAGS.classes, *TAGS.check(places[0], outputs))) for name in NAMES]


def drawn(rng: np.random.Generator, lengths: list[int]) -> list[list[str]]:
    """Draw tags at random, I- in any place."""
    return [rng.choice(TAGS.tags, words, p=[0.4, *[0.1] * 6]).tolist() for words in lengths]


def mended(rows: list[list[str]]) -> list[list[str]]:
    """Write I- that begins an entity as B-."""
    made = []
    for tags in rows:
        before, own = "", []
        for tag in tags:
            own.append(f"B{tag[1:]}" if tag[0] == "I" and tag[1:] != before else tag)
            before = tag[1:]
        made.append(own)
    return made


@pytest.mark.parametrize("seed", range(100))
def test_figures_are_those_of_seqeval(seed: int) -> None:
    peer = pytest.importorskip("seqeval.metrics", reason="needs seqeval, to which figures are compared")
    from seqeval.scheme import IOB2

    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 12, rng.integers(1, 9)).tolist()
    labels, decided = mended(drawn(rng, lengths)), drawn(rng, lengths)
    decided = [y if keep else p for y, p, keep in zip(labels, decided, rng.random(len(labels)) < 0.4, strict=True)]
    for mode in ("default", "strict"):
        own = decided if mode == "default" else mended(decided)  # as the head decodes: every I- follows its class
        options = {"average": "micro", "zero_division": 0} | (
            {"mode": "strict", "scheme": IOB2} if mode == "strict" else {}
        )
        theirs = [
            getattr(peer, name)(labels, own, **options) for name in ("f1_score", "precision_score", "recall_score")
        ]
        found = ours(labels, own)
        assert np.nan_to_num(found[:3]).tolist() == pytest.approx(theirs)
        assert found[3] == pytest.approx(peer.accuracy_score(labels, own))
        for scheme in ("IOB1", "IOBES", "BILOU"):  # what is read of other schemes is the same
            other = [written(entities_in(tags, "IOB2"), len(tags), scheme) for tags in labels]
            same = [as_places(entities_in(tags, scheme), len(tags), TAGS.classes).tolist() for tags in other]
            assert same == [[TAGS.tags.index(tag) for tag in tags] for tags in labels]


def test_one_of_two_entities_in_words() -> None:
    """Rome is right, New of New York is no entity that is labelled: precision 1 of 2, recall 1 of 2."""
    labels = [["B-LOC", "I-LOC", "O"], ["B-LOC", "O"]]
    decided = [["B-LOC", "O", "O"], ["B-LOC", "O"]]
    assert ours(labels, decided) == [0.5, 0.5, 0.5, 0.8]
    assert np.isnan(ours([["O"]], [["O"]])[0]) and ours([["O"]], [["B-LOC"]])[1] == 0
