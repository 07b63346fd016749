"""The loss of tags and their decoding: the likeliest of all taggings that write entities."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from headstart.core.types import LossOptions
from headstart.targets._schemes import BadTags, entities_in
from headstart.targets._tag_output import TagOutput, viterbi

TAGS = ("O", "B-a", "I-a", "B-b", "I-b")


def is_valid(places: tuple[int, ...]) -> bool:
    try:
        entities_in([TAGS[place] for place in places], "IOB2")
    except BadTags:
        return False
    return True


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_likeliest_of_all_valid_taggings(seed: int) -> None:
    logs = torch.randn(3, 5, 5, generator=torch.Generator().manual_seed(seed)).mul(2).log_softmax(dim=2)
    seen = torch.tensor([[1, 1, 1, 1, 1], [1, 0, 1, 1, 0], [0, 0, 0, 0, 0]]).bool()
    for own, row, found in zip(logs, seen, viterbi(logs.clone(), seen), strict=True):
        taggings = [p for p in itertools.product(range(5), repeat=5) if is_valid(p)]
        taggings = [p for p in taggings if all(s or tag == 0 for tag, s in zip(p, row.tolist(), strict=True))]
        best = max(taggings, key=lambda p: sum(float(own[w, tag]) for w, tag in enumerate(p) if row[w]))
        assert tuple(found.tolist()) == best


def test_greedy_tags_would_write_no_entity() -> None:
    """I-a is likelier than all others for both words, and cannot come first: B-a I-a is what is left."""
    logs = torch.tensor([[[0.1, 0.3, 0.6, 0.0, 0.0], [0.2, 0.1, 0.7, 0.0, 0.0]]]).clamp(min=1e-9).log()
    assert viterbi(logs, torch.ones(1, 2, dtype=torch.bool)).tolist() == [[1, 2]]


def output() -> TagOutput:
    made = TagOutput(entities=True)
    made.start([[0, 1, 2], [0]])  # type: ignore[list-item]  # 2 words a text
    return made


def test_the_loss_is_that_of_the_words_that_are_seen_by_the_words_of_a_usual_text() -> None:
    out = torch.zeros(2, 3, 6)
    out[0, :2, 5] = out[1, :1, 5] = 1  # seen: two words of three, and one of one
    out[0, 0, 1] = math.log(3)  # 3 of 7
    y = torch.tensor([[1, 0, 2, 4], [3, -1, -1, -1]])  # a word is beyond the tokens
    wanted = (-math.log(3 / 7) - math.log(1 / 5) - math.log(1 / 5)) / (2 * 2)
    assert output().loss(out, y, LossOptions()).item() == pytest.approx(wanted)


def test_the_mean_over_a_batch_is_that_of_its_micro_batches() -> None:
    out, y = torch.randn(4, 6, 6), torch.randint(0, 5, (4, 4))
    out[..., 5] = (torch.arange(6) < torch.tensor([[3], [4], [1], [0]])).float()
    made = output()
    parts = [made.loss(out[part], y[part], LossOptions()) for part in (slice(0, 2), slice(2, 4))]
    assert made.loss(out, y, LossOptions()).item() == pytest.approx(sum(parts).item() / 2)  # type: ignore[union-attr]


def test_what_is_decided_has_its_probability_and_words_that_are_not_seen_have_none() -> None:
    out = torch.zeros(1, 2, 6)
    out[0, 0, 1], out[0, 0, 5] = math.log(6), 1  # B-a has 6 of 10
    assert output().decode(out).tolist() == [[[2, 153], [0, 0]]]
    plain = TagOutput(entities=False)
    out[0, 0, 2] = math.log(8)  # I-a: 8 of 17, though nothing has begun
    assert plain.decode(out).tolist() == [[[3, 120], [0, 0]]]
