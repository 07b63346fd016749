"""Features that learn by naming tokens of texts: masked and causal language modelling."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import nn
from torch.nn import functional

import toys
from headstart.core import plugins
from headstart.core.errors import UsageError
from headstart.core.recipe import Stage
from headstart.core.seeding import torch_seeded
from headstart.core.stopping import Paused, Stop
from headstart.core.types import Batch
from headstart.data.rows import Dataset
from headstart.data.streams import BatchStream
from headstart.data.transforms import make_transform
from headstart.inputs.text import Text
from headstart.inputs.vector import Vector
from headstart.models.model import Model
from headstart.objectives.masked import Masked
from headstart.objectives.next_token import NextToken
from headstart.views.masked import Masked as Hiding
from models.surgery.patients import patient_after, tiny_bert, tiny_gpt

STAGE = Stage(steps=4, batch_size=8, lr=1e-3)
WORDS = "net.embeddings.word_embeddings.weight"


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A BERT of 13 words with a head."""
    backbone = tiny_bert(tmp_path / "bert")
    return toys.make_model(backbone, data_of(backbone))


@pytest.fixture
def causal(tmp_path: Path) -> Model:
    """A GPT-2 of 8 words with a head."""
    backbone = tiny_gpt(tmp_path / "gpt")
    return toys.make_model(backbone, data_of(backbone))


def data_of(backbone: Any, texts: list[str] | None = None) -> Dataset:
    data = toys.dataset(backbone.card.input)
    if texts is None:
        return data
    rows = dataclasses.replace(data.pools["unlabelled"].take(range(len(texts))), inputs=texts, digests=())
    return dataclasses.replace(data, pools={**data.pools, "unlabelled": rows})


def given(model: Model, asked: list[list[int]]) -> tuple[Batch, torch.Tensor]:
    """Make a batch whose features of tokens are known: they pass through the network."""
    wanted = torch.tensor(asked)
    states = torch.randn(*wanted.shape, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    x = {"pooled": states[:, 0], "tokens": states, "input_ids": torch.zeros_like(wanted), "asked": wanted}
    return Batch([str(row) for row in range(len(wanted))], {"x": x}), states


def loss(objective: Any, model: Model, extra: Any, batch: Batch) -> torch.Tensor:
    (found,) = objective.losses(model, extra, {"unlabelled": batch}, 0.5).values()
    return found.value


def plain(extra: Any) -> Any:
    """Let features be compared with embeddings as they are."""
    extra.trunk = nn.Identity()
    return extra


# What is hidden


def hidden(model: Model, text: str, share: float, seeds: int) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
    expects: Any = model.backbone.card.input
    expects = dataclasses.replace(expects, max_length=512)
    item = expects.prepare([text])[0]
    shown = []
    for seed in range(seeds):
        with torch_seeded(seed):
            shown.append(Hiding(share).show(item, expects))
    return item["input_ids"], shown


def test_of_the_share_that_is_asked_for_most_is_masked_some_exchanged_and_some_kept(model: Model) -> None:
    """200 tokens: 30 are asked for; 80 % are masked. Of 13 tokens one is the same by chance, and one is the mask."""
    ids, shown = hidden(model, "the virus good bad " * 50, 0.15, 100)
    places = np.stack([each["asked"] > 0 for each in shown])
    assert (places.sum(axis=1) == 30).all() and not places[:, [0, -1]].any(), "marks are never asked for"
    assert places[:, 1:-1].any(axis=0).all(), "each token has its turn"
    now = np.stack([each["input_ids"] for each in shown])
    assert (np.stack([each["asked"] for each in shown]) == np.where(places, ids + 1, 0)).all()
    assert (now == ids)[~places].all(), "the others stay"
    was, became = np.broadcast_to(ids, now.shape)[places], now[places]
    for share, expected in (((became == 4).mean(), 0.8 + 0.1 / 13), ((became == was).mean(), 0.1 + 0.1 / 13)):
        assert share == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 3000))


def test_each_text_is_asked_for_one_token_at_least_and_the_row_stays(model: Model) -> None:
    ids, shown = hidden(model, "good", 0.15, 20)
    assert all((each["asked"] == [0, 12, 0]).all() for each in shown)
    assert any(each["input_ids"][1] == 4 for each in shown) and (ids == [2, 11, 3]).all()


def test_a_batch_hides_the_same_wherever_a_run_starts_and_another_in_the_next_epoch(model: Model) -> None:
    data, objective = data_of(model.backbone), Masked(share=0.3)
    (stream,) = objective.streams
    transform = make_transform(model.backbone.card.input, stream.views)

    def batches(start: int, count: int) -> list[Batch]:
        made = BatchStream(data.pools["unlabelled"], transform, stream=stream, batch_size=24, seed=0)
        return [batch for batch, _ in zip(made.batches(start), range(count), strict=False)]

    first, later = batches(0, 3), batches(1, 2)
    for one, again in zip(first[1:], later, strict=True):
        assert one.ids == again.ids and one.labels == {}
        assert all(torch.equal(one.x[name], again.x[name]) for name in one.x)
    asked = [{row: tuple(x) for row, x in zip(b.ids, b.x["asked"].tolist(), strict=True)} for b in first]
    assert asked[0].keys() == asked[1].keys() and asked[0] != asked[1]


# What is learnt


def test_the_loss_is_that_of_the_hidden_tokens_by_the_mean_of_each_text(model: Model) -> None:
    batch, states = given(model, [[0, 3, 0, 9], [0, 0, 5, 0], [0, 0, 0, 0]])
    extra: Any = plain(Masked().modules(model))
    extra.bias.data = torch.linspace(-1, 1, 13)
    value = loss(Masked(), model, extra, batch)
    embeddings = model.backbone.get_parameter(WORDS)
    logs = (states @ embeddings.T + extra.bias).log_softmax(dim=-1)
    by_hand = -((logs[0, 1, 2] + logs[0, 3, 8]) / 2 + logs[1, 2, 4]) / 3
    assert value.item() == pytest.approx(by_hand.item(), rel=1e-5)
    value.backward()
    assert states.grad is not None
    assert (states.grad.abs().sum(dim=2) > 0).tolist() == [
        [False, True, False, True],
        [False, False, True, False],
        [False, False, False, False],
    ]


@pytest.mark.parametrize("name", ["masked", "next_token"])
def test_a_batch_may_be_cut(model: Model, causal: Model, name: str) -> None:
    """The loss of the whole is the sum of those of its pieces, by their rows."""
    objective, used = (Masked(), model) if name == "masked" else (NextToken(), causal)
    ids = torch.randint(4, 8, (5, 6), generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(6) < torch.tensor([[6], [3], [4], [2], [6]])).long()
    x = {"input_ids": ids, "attention_mask": mask, "asked": (ids + 1) * mask * (ids > 5)}
    batch = Batch(list("abcde"), {"x": x})
    extra = objective.modules(used.eval())
    whole = loss(objective, used, extra, batch).item()
    parts = sum(loss(objective, used, extra, part).item() * len(part) / 5 for part in batch.split(2))
    assert whole == pytest.approx(parts, rel=1e-5)


def test_nothing_that_is_asked_for_gives_no_loss_and_no_gradient(model: Model) -> None:
    batch, states = given(model, [[0, 0]])
    value = loss(Masked(), model, Masked().modules(model), batch)
    value.backward()
    assert value.item() == 0 and states.grad is not None and not states.grad.any()


def test_the_embedding_names_tokens_and_learns_from_it(model: Model) -> None:
    """The gradient of the tied embedding: (softmax - one-hot) times the features, as of any linear layer."""
    batch, states = given(model, [[0, 3]])
    extra = plain(Masked().modules(model))
    loss(Masked(), model, extra, batch).backward()
    embeddings = model.backbone.get_parameter(WORDS)
    state = states[0, 1].detach()
    wrong = (embeddings.detach() @ state).softmax(dim=0) - functional.one_hot(torch.tensor(2), 13)
    assert embeddings.grad is not None and torch.allclose(embeddings.grad, torch.outer(wrong, state), atol=1e-6)
    assert "bias" in dict(extra.named_parameters()) and not any(p is embeddings for p in extra.parameters())


def test_masked_is_the_loss_of_berts_own_head(model: Model) -> None:
    peer: Any = transformers.BertForMaskedLM(model.backbone.net.config).eval()  # pyright: ignore
    missing = peer.bert.load_state_dict(model.backbone.net.state_dict(), strict=False)  # pyright: ignore
    assert not missing.unexpected_keys
    extra: Any = Masked().modules(model.eval())
    own = peer.cls.predictions
    extra.trunk[0].load_state_dict(own.transform.dense.state_dict())
    extra.trunk[2].load_state_dict(own.transform.LayerNorm.state_dict())
    extra.bias.data = own.bias.data = torch.linspace(-1, 1, 13)
    own.transform.LayerNorm.eps = extra.trunk[2].eps
    ids = torch.tensor([[2, 4, 6, 4, 3]])
    labels = torch.tensor([[-100, 11, -100, 12, -100]])
    ones = torch.ones_like(ids)
    x = {"input_ids": ids, "attention_mask": ones, "asked": labels.clamp(min=-1) + 1}
    value = loss(Masked(), model, extra, Batch(["a"], {"x": x}))
    theirs = peer(input_ids=ids, attention_mask=ones, labels=labels).loss
    assert value.item() == pytest.approx(theirs.item(), rel=1e-5)


def test_next_token_is_the_loss_of_gpt_2s_own_head(causal: Model) -> None:
    peer: Any = transformers.GPT2LMHeadModel(causal.backbone.net.config).eval()  # pyright: ignore
    peer.transformer.load_state_dict(causal.backbone.net.state_dict())  # pyright: ignore
    ids, mask = torch.tensor([[1, 4, 5, 6, 2, 0]]), torch.tensor([[1, 1, 1, 1, 1, 0]])
    x = {"input_ids": ids, "attention_mask": mask}
    value = loss(NextToken(), causal.eval(), NextToken().modules(causal), Batch(["a"], {"x": x}))
    theirs = peer(input_ids=ids, attention_mask=mask, labels=ids.where(mask > 0, -100)).loss
    assert value.item() == pytest.approx(theirs.item(), rel=1e-5)


def test_next_token_takes_an_output_layer_of_the_source_s_own(causal: Model) -> None:
    names = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    causal.eval().backbone.source_layer = {"names": names}
    x = {"input_ids": torch.tensor([[4, 5]]), "attention_mask": torch.ones(1, 2, dtype=torch.int64)}
    value = loss(NextToken(), causal, NextToken().modules(causal), Batch(["a"], {"x": x}))
    state = causal.features(x)["tokens"][0, 0]  # pyright: ignore[reportTypedDictNotRequiredAccess]
    assert value.item() == pytest.approx(-(names @ state).log_softmax(dim=0)[5].item(), rel=1e-5)


@pytest.mark.parametrize("name", ["masked", "next_token"])
def test_tokens_that_others_tell_are_learnt(
    tmp_path: Path, model: Model, causal: Model, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text is of one word, good or bad: the loss falls far below ln 2, that of a guess."""
    objective: Any = plugins.build("objectives", name, {"share": 0.3} if name == "masked" else {})
    used, seen = (model if name == "masked" else causal), []
    inner = type(objective).losses

    def losses(self: Any, *given: Any) -> Any:
        found = inner(self, *given)
        seen.append(found["tokens"].value.item())
        return found

    monkeypatch.setattr(type(objective), "losses", losses)
    data = data_of(used.backbone, ["good " * 7, "bad " * 7] * 8)
    stage = dataclasses.replace(STAGE, steps=60, batch_size=16, lr=1e-2)
    toys.train(tmp_path / "run", used, data, "full", objective, stage=stage)
    assert seen[0] > 1.5 and np.mean(seen[-10:]) < 0.35


@pytest.mark.parametrize("strategy", ["full", "lora", "partial", "linear_probe"])
@pytest.mark.parametrize("name", ["masked", "next_token"])
def test_the_features_move_as_the_strategy_says_and_the_head_stays(
    tmp_path: Path, model: Model, causal: Model, name: str, strategy: str
) -> None:
    used = model if name == "masked" else causal
    data, before = data_of(used.backbone), toys.snapshot(used)
    if strategy == "linear_probe":
        with pytest.raises(UsageError, match=f"^{name} needs features that learn"):
            toys.train(tmp_path / "run", used, data, strategy, name, stage=STAGE)
        return
    toys.train(tmp_path / "run", used, data, strategy, name, stage=STAGE)
    moved = toys.moved({key: value for key, value in before.items() if key in toys.snapshot(used)}, used)
    assert moved and all(key.startswith("backbone.") for key in moved)
    assert any("word_embeddings" in key or "wte" in key for key in moved) == (strategy == "full")


@pytest.mark.parametrize("name", ["masked", "next_token"])
def test_a_stopped_run_goes_on_bit_by_bit(tmp_path: Path, name: str) -> None:
    def fresh() -> Model:
        backbone = (tiny_bert if name == "masked" else tiny_gpt)(tmp_path / "net")
        return toys.make_model(backbone, data_of(backbone))

    whole, halves = fresh(), fresh()
    data, stop = data_of(whole.backbone), Stop()
    toys.train(tmp_path / "whole", whole, data, "full", name, stage=STAGE)
    steps = 0

    def losses(*given: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 2:
            stop.pause = True
        return inner(*given)

    objective: Any = plugins.load("objectives", name)
    inner = objective.losses
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objective, "losses", losses)
        with pytest.raises(Paused):
            toys.train(tmp_path / "halves", halves, data, "full", name, stage=STAGE, stop=stop)
    halves = fresh()
    toys.train(tmp_path / "halves", halves, data, "full", name, stage=STAGE, resume=True)
    assert not toys.moved(toys.snapshot(whole), halves)


# What is refused


def test_networks_that_cannot_name_tokens_are_refused(model: Model, causal: Model) -> None:
    with pytest.raises(UsageError, match=r"^next_token needs a network whose tokens see none behind them"):
        NextToken().modules(model)
    with pytest.raises(UsageError, match=r"^masked needs a token that hides others .* has none"):
        Masked().modules(causal)
    vectors = toys.make_model(toys.tiny(), toys.dataset(Vector(6)))
    for objective in (Masked(), NextToken()):
        with pytest.raises(UsageError, match=r"needs a network that embeds tokens .* toy:tiny"):
            objective.modules(vectors)


def test_words_in_the_place_of_tokens_are_refused(model: Model) -> None:
    words = patient_after(model.backbone, "words")
    with pytest.raises(UsageError, match=r"^masked needs features of each token of a text by itself"):
        Masked().modules(toys.make_model(words, data_of(words)))


def test_shares_that_are_none_are_refused() -> None:
    for share in (0.0, 1.1):
        with pytest.raises(UsageError, match="share must be above 0 and at most 1"):
            plugins.build("objectives", "masked", {"share": share})


def test_a_text_without_a_mask_is_shown_as_it_is(causal: Model) -> None:
    expects: Any = causal.backbone.card.input
    assert isinstance(expects, Text) and Hiding().show(item := expects.prepare(["good"])[0], expects) is item
