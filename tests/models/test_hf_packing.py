"""Texts that share a sequence have the states, the loss and the slopes that they have by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
import transformers

from causal_models import KINDS
from headstart.models import hf_packing
from models.heads.test_continuing import loaded, loss_of, seen

PROMPTS = ["twenty one twenty two", "forty", "thirty", "one", "two", "forty one"]
ANSWERS = ["21 and 22", "40", "30", "1", "2", "41"]


def test_first_fit_puts_the_longest_first_and_hides_texts_from_each_other() -> None:
    """By hand: lengths 4, 1, 3, 2 in 4 places are [4], [3, 1] and [2]."""
    lengths = torch.tensor([4, 1, 3, 2])
    mask = (torch.arange(4) < lengths[:, None]).long()
    ids = torch.arange(10, 50).view(4, 10)[:, :4] * mask
    found = hf_packing.packed(ids, mask)
    assert found is not None
    assert found.ids.tolist() == [[10, 11, 12, 13], [30, 31, 32, 20], [40, 41, 0, 0]]
    assert found.positions.tolist() == [[0, 1, 2, 3], [0, 1, 2, 0], [0, 1, 0, 0]]
    assert (found.mask[1, 0] == 0).int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1]]
    assert hf_packing.packed(ids[:1], mask[:1]) is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_and_the_slopes_are_those_of_single_rows(tmp_path: Path, kind: str) -> None:
    _, model = loaded(tmp_path, kind)
    backbone: Any = model.backbone
    assert backbone.packs
    x = seen(model, PROMPTS, ANSWERS)
    assert hf_packing.packed(x["input_ids"], x["attention_mask"]) is not None
    found = {}
    for training in (False, True):
        backbone.train(training)  # there is no dropout in it
        model.zero_grad()
        loss = loss_of(model, x)
        loss.backward()
        slopes = [p.grad.flatten() for p in backbone.parameters() if p.grad is not None]
        found[training] = loss.item(), torch.cat(slopes)
    rows = [seen(model, [prompt], [answer]) for prompt, answer in zip(PROMPTS, ANSWERS, strict=True)]
    singles = [loss_of(model, row).item() for row in rows]
    assert found[True][0] == pytest.approx(found[False][0], abs=1e-5)
    assert found[True][0] == pytest.approx(sum(singles) / len(singles), abs=1e-5)
    assert torch.allclose(found[True][1], found[False][1], atol=1e-5)


def test_a_network_whose_texts_would_touch_is_left_as_it_is() -> None:
    """A recurrent one has no positions; one that ignores them has other states."""
    config = transformers.MambaConfig(vocab_size=20, hidden_size=8, state_size=4, num_hidden_layers=1)
    assert not hf_packing.packs(transformers.MambaModel(config).eval())
    config = transformers.GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=2, n_positions=32)
    net: Any = transformers.GPT2Model(config).eval()
    with torch.no_grad():
        assert hf_packing.packs(net)
        forward = net.forward

        def deaf(
            input_ids: Any = None, attention_mask: Any = None, position_ids: Any = None
        ) -> Any:  # where places of others count
            return forward(input_ids=input_ids, attention_mask=attention_mask)

        net.forward = cast(Any, deaf)
        assert not hf_packing.packs(net)
