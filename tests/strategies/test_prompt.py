"""Claim: learnt tokens change what a frozen transformer gives, in each layer of an image network, and no shape."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import toys
from headstart.core.errors import UsageError
from headstart.inputs.text import Text
from headstart.models.load import load_source
from headstart.models.model import Backbone
from headstart.models.operate import operate
from headstart.models.taps import example
from headstart.strategies.prompt import Prompt
from models.surgery.patients import tiny_bert

SMALL: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 37}
NETS = {
    "bert": transformers.BertConfig(**SMALL, vocab_size=99, max_position_embeddings=64),
    "roberta": transformers.RobertaConfig(
        **SMALL, vocab_size=99, max_position_embeddings=66, type_vocab_size=1, pad_token_id=1
    ),
    "distilbert": transformers.DistilBertConfig(dim=32, n_layers=2, n_heads=4, hidden_dim=37, vocab_size=99),
    "gpt2": transformers.GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=99, n_positions=64),
    "vit": transformers.ViTConfig(**SMALL, image_size=32, patch_size=8),
}


def network(folder: Path, kind: str) -> Backbone:
    """Make a small network of transformers with random weights; texts take up to 40 tokens."""
    torch.manual_seed(0)
    transformers.AutoModel.from_config(NETS[kind]).save_pretrained(folder)
    if kind == "vit":
        transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    else:
        toys.save_tokenizer(folder, pad=NETS[kind].pad_token_id or 0)
    backbone = load_source(f"hf:{folder}", {} if kind == "vit" else {"max_length": 40}).eval()
    assert isinstance(backbone, Backbone)
    return backbone


@pytest.mark.parametrize("kind", NETS)
def test_networks_of_transformers(tmp_path: Path, kind: str) -> None:
    backbone = network(tmp_path, kind)
    x = example(backbone)
    before = backbone(x)
    prompts = Prompt(tokens=3).insert(backbone)
    after = backbone(x)
    assert after["pooled"].shape == before["pooled"].shape and after["tokens"].shape == before["tokens"].shape
    assert after.get("prefix") == before.get("prefix") == backbone.prefix
    assert not torch.allclose(after["pooled"], before["pooled"])
    after["pooled"].square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in prompts.parameters())


def test_every_layer_of_an_image_network_has_prompts(tmp_path: Path) -> None:
    backbone = toys.source("timm:test_vit")
    data = toys.dataset(backbone.card.input)
    model = toys.make_model(backbone, data)
    before = toys.snapshot(backbone)
    toys.train(tmp_path, model, data, Prompt(tokens=3))
    assert all(torch.equal(backbone.state_dict()[name], tensor) for name, tensor in before.items())
    prompts = list(backbone.inserted_prompt.parameters())  # pyright: ignore
    assert [tuple(p.shape) for p in prompts] == [(3, 64)] * 6
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in prompts)


def test_padding_changes_nothing(tmp_path: Path) -> None:
    backbone = network(tmp_path, "bert")
    Prompt(tokens=3).insert(backbone)
    ids = torch.randint(3, 99, (2, 6))
    mask = torch.tensor([[1, 1, 1, 1, 0, 0], [1] * 6])
    padded = backbone({"input_ids": ids, "attention_mask": mask})["pooled"]
    alone = backbone({"input_ids": ids[:1, :4], "attention_mask": mask[:1, :4]})["pooled"]
    assert torch.allclose(padded[:1], alone, atol=1e-6)


def test_more_tokens_than_positions(tmp_path: Path) -> None:
    backbone = network(tmp_path, "bert")
    assert isinstance(backbone.card.input, Text)
    with pytest.raises(UsageError, match=r"positions for 64 tokens and texts take up to 40.*max_length to at most 39"):
        Prompt(tokens=25).insert(backbone)
    Prompt(tokens=24).insert(backbone)


def test_a_text_network_of_another_kind() -> None:
    backbone = toys.source("timm:test_vit")
    odd = toys.tiny()
    odd.card = dataclasses.replace(backbone.card, input=Text("none", 8))
    odd.forward = lambda x: {"pooled": torch.zeros(1, 5), "tokens": torch.zeros(1, 4, 5)}
    with pytest.raises(UsageError, match="networks of transformers"):
        Prompt().insert(odd)


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="tokens must be at least 1"):
        Prompt(tokens=0)


def test_after_surgery(tmp_path: Path) -> None:
    backbone = operate(toys.source("timm:test_vit"), ["remove layers=blocks.1", "cut after=blocks.3"]).backbone
    model = toys.make_model(backbone, toys.dataset(backbone.card.input))
    tuning = Prompt().prepare(model)
    assert len(tuning.groups[0].params) == 3  # for the layers that are left
    assert model.features(example(backbone))["pooled"].shape == (1, backbone.dim)
    with pytest.raises(UsageError, match="was cut"):
        text = operate(tiny_bert(tmp_path / "bert"), ["cut after=layers.0"]).backbone
        Prompt().insert(text)
