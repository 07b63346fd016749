"""A decoder that writes texts: its loss and its answers are those of transformers' own network."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

import encoder_decoders
import toys
from encoder_decoders import PAIRS
from headstart.core.errors import UsageError
from headstart.core.types import LossOptions
from headstart.models.heads.seq2seq import Seq2seq
from headstart.models.load import load_source
from headstart.models.model import Model
from headstart.targets._written_texts import packed, texts_of
from headstart.targets.generation import Generation

TEXTS = [text for pair in PAIRS for text in pair]
TARGET = Generation(("answer",), longest=12)


def loaded(folder: Path, kind: str = "marian", **options: Any) -> tuple[Any, Model]:
    """Make a network, and the same as a backbone with a head."""
    net = encoder_decoders.save(folder, kind, TEXTS, std=0.3)
    backbone = load_source(f"hf:{folder}")
    head = Seq2seq(**options).build(backbone.dim, TARGET)
    head.fit_to(backbone)
    head.start(backbone)
    head.output.start(labels([answer for _, answer in PAIRS]))
    return net, Model(backbone, {"target": head}).eval()


def labels(texts: list[str]) -> Any:
    return [packed(text) for text in texts]


def seen(model: Model, texts: list[str]) -> Any:
    expects = model.backbone.card.input
    return expects.collate(list(expects.prepare(texts)))


@pytest.mark.parametrize("kind", encoder_decoders.KINDS)
def test_the_loss_is_that_of_the_whole_network(tmp_path: Path, kind: str) -> None:
    net, model = loaded(tmp_path, kind)
    head: Any = model.head
    inputs, answers = ["twenty one", "forty"], ["21", "40 and more"]
    x, y = seen(model, inputs), TARGET.collate(labels(answers))
    spelt = [[*head.output.spelling.tokens(answer), 1] for answer in answers]
    first = [3] if kind == "bart" else []  # which stands before each text, and is given
    longest = max(map(len, spelt))
    wanted = torch.tensor([[-100] * len(first) + ids + [-100] * (longest - len(ids)) for ids in spelt])
    given = torch.tensor(
        [[net.config.decoder_start_token_id, *first, *ids[:-1]] + [0] * (longest - len(ids)) for ids in spelt]
    )
    with torch.no_grad():
        logits = net(**x, decoder_input_ids=given).logits
        for smoothing in (0.0, 0.1):
            expected = functional.cross_entropy(
                logits.flatten(0, 1), wanted.flatten(), label_smoothing=smoothing, reduction="sum"
            ) / (2 * head.output.usual)
            loss = head.loss(model(x), y, LossOptions(label_smoothing=smoothing))
            assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("kind", encoder_decoders.KINDS)
def test_answers_are_those_of_the_whole_network_with_beams(tmp_path: Path, kind: str) -> None:
    net, model = loaded(tmp_path, kind, beams=3)
    head: Any = model.head
    x = seen(model, ["twenty one", "forty", "thirty four"])
    start = [net.config.decoder_start_token_id, *([3] if kind == "bart" else [])]
    with torch.inference_mode():
        given = torch.tensor([start] * 3)
        most = int(head.output.most)
        written = net.generate(
            **x, decoder_input_ids=given, num_beams=3, max_new_tokens=most, suppress_tokens=[0], do_sample=False
        )
        answers = texts_of(head.decode(model(x)).numpy())
    assert answers == [text[: TARGET.outputs] for text in head.output.spelling.read(written[:, len(start) :])]
    assert len(set(answers)) > 1


def test_the_mean_over_a_batch_is_that_of_its_parts_whatever_the_lengths(tmp_path: Path) -> None:
    _, model = loaded(tmp_path)
    head, x, y = model.head, seen(model, ["twenty one", "forty"]), TARGET.collate(labels(["21", "40 and more"]))
    whole = head.loss(model(x), y)
    parts = [head.loss(model({k: v[[i]] for k, v in x.items()}), y[[i]]) for i in range(2)]
    assert whole.item() == pytest.approx(torch.stack(parts).mean().item(), rel=1e-5)
    known = torch.tensor([True, False])
    assert head.loss(model(x), y, known=known).item() == pytest.approx(parts[0].item() / 2, rel=1e-5)


def test_a_small_decoder_of_bytes_learns_to_write_behind_any_tokens() -> None:
    backbone = toys.small("timm:test_vit")
    head: Any = Seq2seq(width=64, layers=1).build(backbone.dim, TARGET)
    torch.manual_seed(0)
    head.fit_to(backbone)
    head.start(backbone)
    answers = ["aé", "bcd e", "中"]
    head.output.start(labels(answers))
    features: Any = {"pooled": torch.zeros(3, backbone.dim), "tokens": torch.randn(3, 4, backbone.dim)}
    y = TARGET.collate(labels(answers))
    optimiser = torch.optim.Adam(head.parameters(), lr=5e-3)
    for _ in range(70):
        optimiser.zero_grad()
        head.loss(head(features), y).backward()
        optimiser.step()
    head.eval()
    with torch.inference_mode():
        assert texts_of(head.decode(head(features)).numpy()) == answers


def test_a_masked_token_is_not_looked_at() -> None:
    backbone = toys.small("timm:test_vit")
    head: Any = Seq2seq(width=64, layers=1).build(backbone.dim, TARGET)
    head.fit_to(backbone)
    head.eval()
    tokens = torch.randn(2, 4, backbone.dim)
    other = tokens.clone()
    other[:, 2:] = 7.0
    mask, y = torch.tensor([[1, 1, 0, 0]] * 2), TARGET.collate(labels(["a", "bc"]))
    pair: list[Any] = [{"pooled": tokens[:, 0], "tokens": each, "mask": mask} for each in (tokens, other)]
    one, two = (head.loss(head(each), y).item() for each in pair)
    assert one == pytest.approx(two, rel=1e-6)
    assert one != pytest.approx(head.loss(head({**pair[1], "mask": torch.ones(2, 4)}), y).item(), rel=1e-6)


def test_the_source_s_decoder_learns_at_its_rate_and_a_new_one_faster(tmp_path: Path) -> None:
    from headstart.strategies.full import Full

    _, model = loaded(tmp_path)
    assert [group.lr_scale for group in Full().prepare(model).groups] == [1.0, 1.0]
    _, new = loaded(tmp_path, decoder="small", width=64)
    assert [group.lr_scale for group in Full().prepare(new).groups] == [1.0, 10.0]


def test_a_copy_and_a_saved_head_write_the_same(tmp_path: Path) -> None:
    _, model = loaded(tmp_path)
    head, x = model.head, seen(model, ["twenty one", "thirty"])
    fresh: Any = Seq2seq().build(model.backbone.dim, TARGET)
    fresh.fit_to(model.backbone)
    fresh.load_state_dict(head.state_dict())  # the tokenizer is among them
    with torch.inference_mode():
        out = model(x)
        wanted = head.decode(out)
        assert torch.equal(copy.deepcopy(head).decode(out), wanted)
        assert torch.equal(fresh.eval().decode(out), wanted)


def test_the_decoder_of_a_run_is_a_source_s_too(tmp_path: Path) -> None:
    from headstart.models.sources.run import _take_head

    _, model = loaded(tmp_path)
    head: Any = model.head
    again: Any = load_source(f"hf:{tmp_path}")
    again.source_decoder = None
    _take_head(again, {"head": "seq2seq", "task": {"targets": {"target": {"kind": "generation"}}}}, model.state_dict())
    tensors, tokenizer = vars(again)["source_decoder"]
    assert tensors.keys() == head.output.net.state_dict().keys()
    assert tokenizer.encode() == head.output.spelling.written.numpy().tobytes()


def test_labels_longer_than_an_answer_may_be_are_cut_and_named(tmp_path: Path) -> None:
    _, model = loaded(tmp_path, longest=4)
    head: Any = model.head
    given = labels(["2", "21 21 21 21 21 21", "3"])
    found = head.cut(given)
    assert found is not None and list(found.places) == [1] and found.what == "is longer than 3 tokens and is cut"
    assert head.cut(given[:1]) is None
    assert head.output._spelt("21 21 21 21 21 21")[-1] == head.output.spelling.end
    assert len(head.output._spelt("21 21 21 21 21 21")) == 4


def test_a_prompt_stands_before_each_answer(tmp_path: Path) -> None:
    _, model = loaded(tmp_path, "bart", prompt="<s><unk>")
    head: Any = model.head
    assert head.output.spelling.before == (3, 2)
    _, usual = loaded(tmp_path, "bart")
    assert usual.head.output.spelling.before == (3,)  # type: ignore[union-attr]


def test_what_cannot_write_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gives none: take a transformer"):
        Seq2seq().build(6, TARGET).fit_to(toys.source("vector:mlp"))
    _, model = loaded(tmp_path)
    backbone = copy.copy(model.backbone)
    for given, message in ((None, "comes without its decoder"), (({}, ""), "put its tokenizer.json there")):
        backbone.source_decoder = given
        head = Seq2seq().build(backbone.dim, TARGET)
        head.fit_to(backbone)
        with pytest.raises(UsageError, match=message):
            head.start(backbone)
    faults: list[dict[str, Any]] = [{"beams": 0}, {"width": 65}, {"longest": 0}]
    for wrong in faults:
        with pytest.raises(ValueError, match="must be"):
            Seq2seq(**wrong)
