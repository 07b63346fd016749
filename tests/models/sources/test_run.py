"""`run:`: what a run saved is the next run's start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import save_file

from headstart.core.errors import SourceError, StorageError, UsageError
from headstart.core.storage import new_folder
from headstart.inputs.text import Text
from headstart.models.cards import card_to_plain
from headstart.models.load import load_source
from headstart.models.model import Backbone
from headstart.models.sources.run import Run
from models.contract import check_backbone
from toys import save_tokenizer


def _save(folder: Path, backbone: Backbone, **changes) -> Path:
    """Write what an artefact holds of a backbone and a head."""
    with new_folder(folder) as new:
        tensors = {f"backbone.{name}": tensor for name, tensor in backbone.state_dict().items()}
        tensors["heads.target.trunk.weight"] = torch.ones(2)
        tensors |= changes.pop("tensors", {})
        save_file({name: t.contiguous() for name, t in tensors.items() if t is not None}, new / "model.safetensors")
        (new / "model.json").write_text(json.dumps({"card": card_to_plain(backbone.card), **changes}), encoding="utf-8")
    return folder


@pytest.mark.parametrize("inner", ["", "model"])
def test_the_backbone_of_a_run(tmp_path, inner):
    first = load_source("digits:cnn")
    _save(tmp_path / "run1" / inner, first)
    second = load_source(f"run:{tmp_path / 'run1'}")
    check_backbone(second, torch.rand(2, 1, 16, 16), 2)
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
    assert (second.card.name, second.card.builder, second.card.input) == ("run:run1", "digits", first.card.input)
    _save(tmp_path / "run2", second)
    assert load_source(f"run:{tmp_path / 'run2'}").card.builder == "digits"  # runs can be chained
    assert Run().names(str(tmp_path)) == [str(tmp_path / "run1"), str(tmp_path / "run2")]
    assert Run().names(str(tmp_path / "run2x")) == Run().names("none/at/all") == []


def test_running_statistics_come_along(tmp_path):
    first = load_source("vector:mlp", {"dim": 3})
    first.train()
    first(torch.rand(50, 3) + 9)
    second = load_source(f"run:{_save(tmp_path / 'run', first)}")
    assert second.state_dict()["net.layer1.0.mean"].min() > 9


def test_the_tokenizer_is_the_saved_one(tmp_path):
    config = transformers.BertConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, vocab_size=9)
    transformers.AutoModel.from_config(config).save_pretrained(save_tokenizer(tmp_path / "bert"))
    first = load_source(f"hf:{tmp_path / 'bert'}")
    plain = card_to_plain(first.card)
    plain["input"]["tokenizer"] = "tokenizer"
    folder = _save(tmp_path / "run", first, card=plain)
    with pytest.raises(UsageError, match=r"no folder .*tokenizer"):
        load_source(f"run:{folder}")
    save_tokenizer(folder / "tokenizer")
    assert load_source(f"run:{folder}").card.input == Text(str(folder / "tokenizer"), 256)


def test_damage_is_named(tmp_path):
    folder = _save(tmp_path / "run", load_source("digits:cnn"))
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(StorageError, match=r"model\.safetensors: its content was changed"):
        load_source(f"run:{folder}")
    with pytest.raises(SourceError, match="holds no saved model"):
        load_source(f"run:{tmp_path}")


def test_a_backbone_that_does_not_fit(tmp_path):
    backbone = load_source("digits:cnn")
    folder = _save(tmp_path / "run", backbone, tensors={"backbone.net.block1.0.weight": None})
    with pytest.raises(SourceError, match=r"net\.block1\.0\.weight: missing"):
        load_source(f"run:{folder}")
    with pytest.raises(SourceError, match="The model card is damaged"):
        load_source(f"run:{_save(tmp_path / 'run2', backbone, card={})}")
    with pytest.raises(SourceError, match="'run' builds nothing"):
        Run().rebuild(backbone.card)


def test_a_linear_head_of_the_run_is_the_source_classifier(tmp_path):
    first = load_source("digits:cnn")
    weight, bias = torch.randn(5, first.dim), torch.randn(5)
    tensors = {"heads.target.trunk.weight": weight, "heads.target.trunk.bias": bias}
    found = load_source(f"run:{_save(tmp_path / 'run', first, tensors=tensors)}").source_classifier
    assert found is not None and found[1] is not None
    assert torch.equal(found[0], weight) and torch.equal(found[1], bias)
    assert load_source(f"run:{_save(tmp_path / 'other', first)}").source_classifier is None
