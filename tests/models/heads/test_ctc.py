"""Characters in the order of tokens: the loss and the search are those of all ways to lay a text over them."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

import toys
from headstart.core.errors import UsageError
from headstart.core.types import LossOptions
from headstart.models.heads.ctc import Ctc, collapsed, searched
from headstart.targets._written_texts import packed, texts_of
from headstart.targets.generation import Generation

TARGET = Generation(("said",), longest=8)
TEXTS = ["ab", "aab", "b", "ba"]


def made(dim: int = 6, **options: Any) -> Any:
    """Make a head that has seen the labels, for tokens of this width."""
    backbone = toys.small("timm:test_vit")
    head: Any = Ctc(**options).build(backbone.dim, TARGET)
    head.fit_to(backbone)
    head.output = type(head.output)(dim, head.options.beams, TARGET.outputs)
    head.output.start([packed(text) for text in TEXTS])
    return head


def chances(scores: np.ndarray) -> dict[tuple[int, ...], float]:
    """Add up the probabilities of all paths [T] by the text that they collapse to."""
    found: dict[tuple[int, ...], float] = {}
    for path in product(range(scores.shape[1]), repeat=len(scores)):
        text = tuple(collapsed(np.array(path)))
        found[text] = found.get(text, 0.0) + float(np.exp(sum(scores[t, p] for t, p in enumerate(path))))
    return found


def features(rows: int, tokens: int, mask: Any = None) -> Any:
    torch.manual_seed(1)
    given = torch.randn(rows, tokens, 6)
    return {"pooled": given.mean(dim=1), "tokens": given, **({} if mask is None else {"mask": mask})}


def test_a_path_loses_repeats_and_then_blanks() -> None:
    assert collapsed(np.array([0, 1, 1, 0, 1, 2, 2, 0])) == [1, 1, 2]
    assert collapsed(np.zeros(3, dtype=int)) == [] == collapsed(np.zeros(0, dtype=int))


def test_the_loss_is_the_chance_of_all_paths_over_the_tokens_that_are_there() -> None:
    head = made()
    torch.nn.init.normal_(head.output.layer.weight)
    mask = torch.tensor([[1, 1, 1, 1], [0, 1, 1, 1]])
    out = head(features(2, 4, mask))
    y = TARGET.collate([packed("ab"), packed("b")])
    found = []
    for row, kept, text in ((0, [0, 1, 2, 3], (1, 2)), (1, [1, 2, 3], (2,))):
        states = out[row, kept, :-1]
        scores = head.output.layer(head.output.norm(states)).log_softmax(dim=1).detach().numpy()
        found.append(-np.log(chances(scores)[text]))
    usual = np.mean([len(text) for text in TEXTS])
    assert head.loss(out, y).item() == pytest.approx(np.mean(found) / usual, rel=1e-5)
    parts = [head.loss(out[[i]], y[[i]], LossOptions()).item() for i in range(2)]
    assert np.mean(parts) == pytest.approx(head.loss(out, y).item(), rel=1e-5)


def test_beams_find_the_likeliest_text_and_one_beam_the_likeliest_path() -> None:
    scores = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))  # the likeliest path is blank, the likeliest text "a": 0.64
    assert chances(scores)[(1,)] == pytest.approx(0.64)
    assert searched(scores, 10) == [1] and collapsed(scores.argmax(axis=1)) == []
    rng = np.random.default_rng(0)
    for _ in range(20):
        drawn = rng.normal(size=(4, 3)) * 2
        drawn -= np.log(np.exp(drawn).sum(axis=1, keepdims=True))
        known = chances(drawn)
        assert tuple(searched(drawn, 100)) == max(known, key=lambda text: known[text])


@pytest.mark.parametrize("beams", [1, 4])
def test_it_learns_texts_and_writes_them(beams: int) -> None:
    head, given, texts = made(beams=beams), features(3, 8), ["ab", "aab", "b"]
    y = TARGET.collate([packed(text) for text in texts])
    first = head.loss(head(given), y).item()
    optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(80):
        optimiser.zero_grad()
        head.loss(head(given), y).backward()
        optimiser.step()
    assert head.loss(head(given), y).item() < 0.1 * first
    with torch.inference_mode():
        assert texts_of(head.decode(head(given)).numpy()) == texts


def test_the_characters_and_the_layer_are_saved_with_the_head() -> None:
    head = made()
    assert head.output.alphabet.text == "ab" and head.output.layer.weight.shape == (3, 6)
    torch.nn.init.normal_(head.output.layer.weight)
    fresh = made()
    fresh.output.start([packed("wxyz")])
    fresh.load_state_dict(head.state_dict())
    given = features(2, 5)
    assert torch.equal(fresh.decode(fresh(given)), head.decode(head(given)))


def test_what_cannot_be_written_is_told() -> None:
    head = made()
    found = head.cut([packed(text) for text in ("ab", "abc", "d")])
    assert found is not None and list(found.places) == [1, 2]
    assert found.what == "have characters that training has not: they cannot be written"
    assert head.cut([packed("ab")]) is None
    assert head.needs([packed(text) for text in ("ab", "aab", "bbb")]).tolist() == [2, 4, 5]
    with pytest.raises(ValueError, match="beams must be"):
        Ctc(beams=0)
    with pytest.raises(UsageError, match="'ctc' looks at tokens"):
        Ctc().build(6, TARGET).fit_to(toys.source("vector:mlp"))
