"""Causal language models that answer prompts: the loss is on answers alone, which are transformers' own."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch.nn import functional

import causal_models
from causal_models import KINDS
from encoder_decoders import PAIRS
from headstart.core.choice import Choice
from headstart.core.errors import UsageError
from headstart.core.types import LossOptions
from headstart.models.heads.seq2seq import Seq2seq
from headstart.models.load import load_source
from headstart.models.model import Model
from headstart.models.operate import build, operate
from headstart.targets._written_texts import packed, scores_of, texts_of
from headstart.targets.generation import Generation

TEXTS = [text for pair in PAIRS for text in pair]
TARGET = Generation(("answer",), longest=12)
PROMPTS, ANSWERS = ["twenty one", "forty"], ["21", "40 and more"]


def loaded(folder: Path, kind: str = "llama", most: int = 24, **options: Any) -> tuple[Any, Model]:
    """Make a network, and the same as a backbone with a head."""
    net = causal_models.save(folder, kind, TEXTS)
    backbone = load_source(f"hf:{folder}", {"max_length": most})
    head = Seq2seq(**options).build(backbone.dim, TARGET)
    head.fit_to(backbone)
    head.start(backbone)
    head.output.start([packed(answer) for _, answer in PAIRS])
    return net, Model(backbone, {"target": head}).eval()


def seen(model: Model, prompts: list[str], answers: list[str] | None = None) -> Any:
    expects: Any = model.backbone.card.input
    examples = list(expects.prepare(prompts))
    if answers is not None:
        pairs = zip(examples, answers, strict=True)
        examples = [expects.behind(example, packed(answer)) for example, answer in pairs]
    return expects.collate(examples)


def loss_of(model: Model, x: Any, options: LossOptions | None = None) -> torch.Tensor:
    return model.head.loss(model(x), torch.zeros(len(x["input_ids"]), 1), options)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_that_of_the_whole_network_with_labels_of_answers_alone(tmp_path: Path, kind: str) -> None:
    net, model = loaded(tmp_path, kind)
    head: Any = model.head
    x = seen(model, PROMPTS, ANSWERS)
    assert x["answers"].sum(dim=1).tolist() == [len(head.output.expects.spelt(answer)) for answer in ANSWERS]
    assert x["input_ids"][0][x["answers"][0] == 1].tolist()[-1] == 1  # the end is learnt
    wanted = torch.where(x["answers"] == 1, x["input_ids"], -100)
    with torch.no_grad():
        logits = net(input_ids=x["input_ids"], attention_mask=x["attention_mask"]).logits[:, :-1]
        for smoothing in (0.0, 0.1):
            expected = functional.cross_entropy(
                logits.flatten(0, 1), wanted[:, 1:].flatten(), label_smoothing=smoothing, reduction="sum"
            ) / (2 * head.output.usual)
            found = loss_of(model, x, LossOptions(label_smoothing=smoothing))
            assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_prompts_have_no_loss(tmp_path: Path) -> None:
    """What is wanted behind the tokens of a prompt has weight 0: other numbers there change neither loss nor slope."""
    _, model = loaded(tmp_path)
    out = model(seen(model, PROMPTS, ANSWERS)).detach().requires_grad_()
    other = out.detach().clone()
    prompts = (other[..., -2] == 0) & (other[..., -1] == 1)
    other[..., -3] = torch.where(prompts, (other[..., -3] + 7) % 50, other[..., -3])
    other.requires_grad_()
    losses = [model.head.loss(each, torch.zeros(2, 1)) for each in (out, other)]
    assert losses[0].item() == losses[1].item()
    slopes = torch.autograd.grad(losses[0], out)[0], torch.autograd.grad(losses[1], other)[0]
    assert torch.equal(*slopes)
    learnt = slopes[0][..., :-3].abs().sum(dim=2) > 0
    assert torch.equal(learnt[:, :-1], out[:, 1:, -2] > 0), "only states before tokens of answers have a slope"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beams", [1, 3])
def test_answers_are_those_of_the_whole_network(tmp_path: Path, kind: str, beams: int) -> None:
    net, model = loaded(tmp_path, kind, beams=beams)
    head, expects = model.head, model.backbone.card.input
    prompts = ["twenty one", "forty", "thirty four"]
    with torch.inference_mode():
        found = texts_of(head.decode(model(seen(model, prompts))).numpy())
        for prompt, answer in zip(prompts, found, strict=True):  # each alone, without any padding
            given = seen(model, [prompt])
            ids, most = given["input_ids"], int(head.output.most)  # type: ignore[arg-type]
            written = net.generate(
                ids,
                attention_mask=given["attention_mask"],
                num_beams=beams,
                do_sample=False,
                max_new_tokens=most,
                eos_token_id=1,
                pad_token_id=1,
            )
            assert answer == expects.written(written[0, ids.shape[1] :].tolist())  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_the_likeliest_tokens_where_layers_are_gone(tmp_path: Path, kind: str) -> None:
    """Keys and values that are kept by the numbers of layers give what the network gives without them."""
    causal_models.save(tmp_path, kind, TEXTS, layers=3)
    backbone = load_source(f"hf:{tmp_path}", {"max_length": 24})
    first = "net.h.0" if kind == "gpt2" else "net.layers.0"
    backbone = operate(backbone, [build(Choice("remove", {"layers": first}))], seed=0).backbone
    head: Any = Seq2seq().build(backbone.dim, TARGET)
    head.fit_to(backbone)
    head.start(backbone)
    head.output.start([packed(answer) for _, answer in PAIRS])
    model = Model(backbone, {"target": head}).eval()
    x, net = seen(model, ["twenty one"]), cast(Any, backbone).net
    with torch.inference_mode():
        found = texts_of(head.decode(model(x)).numpy())[0]
        ids = x["input_ids"]
        for _ in range(int(head.output.most)):
            state = net(input_ids=ids).last_hidden_state[:, -1]
            ids = torch.cat([ids, head.output.layer(state).argmax(dim=1, keepdim=True)], dim=1)
    assert found == head.output.expects.written(ids[0, x["input_ids"].shape[1] :].tolist())


def test_labels_behind_prompts_change_no_answer_and_tell_how_likely_they_are(tmp_path: Path) -> None:
    net, model = loaded(tmp_path)
    with torch.inference_mode():
        bare = model.head.decode(model(seen(model, PROMPTS))).numpy()
        x = seen(model, PROMPTS, ANSWERS)
        found = model.head.decode(model(x)).numpy()
        assert texts_of(bare) == texts_of(found) and scores_of(bare) is None
        known = scores_of(found)
        logits = net(input_ids=x["input_ids"], attention_mask=x["attention_mask"]).logits.log_softmax(dim=2)
        chosen = logits[:, :-1].gather(2, x["input_ids"][:, 1:, None])[..., 0]
        nats = -(chosen * x["answers"][:, 1:]).sum(dim=1)
    assert known is not None
    np.testing.assert_allclose(known[:, 0], nats.numpy(), rtol=1e-5)
    assert known[:, 1].tolist() == x["answers"].sum(dim=1).tolist()
    assert TARGET.likelihoods(found) is not None and TARGET.likelihoods(bare) is None


def test_the_backbone_is_no_part_of_the_head_and_is_copied_with_it(tmp_path: Path) -> None:
    _, model = loaded(tmp_path, "untied")
    assert sorted(model.head.state_dict()) == ["output.layer.names", "output.most", "output.usual"]
    assert not list(model.head.parameters())
    other = copy.deepcopy(model)
    x = seen(model, PROMPTS, ANSWERS)
    with torch.no_grad():
        for parameter in other.backbone.parameters():
            parameter.add_(torch.randn_like(parameter))
        assert loss_of(model, x) != loss_of(other, x)
        net: Any = other.backbone
        assert other.head.output._whole[0].model is net.net  # type: ignore[index,union-attr]


def test_long_prompts_keep_their_end_and_long_answers_theirs(tmp_path: Path) -> None:
    _, model = loaded(tmp_path, most=4, longest=3)
    expects: Any = model.backbone.card.input
    long = "thirty twenty forty one"
    whole = expects._whole(long)[0]
    assert len(whole) > 4 and expects.prepare([long])[0]["input_ids"].tolist() == whole[-4:]
    cut = expects.cut(["one", long])
    assert cut is not None and cut.places == [1] and cut.what == "is longer than 4 tokens and is cut"
    assert len(expects.spelt("21 22 23 24")) == 3 and expects.spelt("21 22 23 24")[-1] == 1
    assert [len(expects.tokens_of(text)) for text in ("zq", "zqz")] == [2, 3]
    found = model.head.cut([packed("zq"), packed("zqz")])
    assert found is not None and found.places == [1], "two tokens and the end fit"


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    causal_models.save(tmp_path, "gpt2", TEXTS)
    backbone = load_source(f"hf:{tmp_path}")
    head = Seq2seq().build(backbone.dim, TARGET)
    with pytest.raises(UsageError, match=r"Prompts may take all 64 places: no answer has room .*max_length=32"):
        head.fit_to(backbone)
    backbone = load_source(f"hf:{tmp_path}", {"max_length": 24})
    head.fit_to(backbone)
    backbone.source_layer = None
    with pytest.raises(UsageError, match=r"comes without its output layer \(lm_head.weight\)"):
        head.start(backbone)
    with torch.no_grad(), pytest.raises(UsageError, match="No answer stands behind these prompts"):
        model = Model(backbone, {"target": head})
        loss_of(model, seen(model, PROMPTS))


def test_scores_that_are_made_in_another_way_are_refused(tmp_path: Path) -> None:
    causal_models.save(tmp_path, "untied", TEXTS)
    backbone = load_source(f"hf:{tmp_path}", {"max_length": 24})
    head: Any = Seq2seq().build(backbone.dim, TARGET)
    head.fit_to(backbone)
    forward = head.output._whole[0].forward
    head.output._whole[0].forward = lambda **x: type("Out", (), {"logits": 2 * forward(**x).logits})()
    with pytest.raises(UsageError, match="in a way that is not known here"):
        head.start(backbone)
