"""Claim: the parts of a source are checked against each other on loading; what is absent or does not fit is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import transformers
from safetensors.torch import load_file, save_file

from headstart.core.errors import SourceError, UsageError
from headstart.core.storage import sha256
from headstart.data.rows import Rows
from headstart.data.transforms import told_unknown
from headstart.models.load import load_source
from toys import save_tokenizer

SIZES: dict[str, Any] = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 9,
}
ROBERTA = transformers.RobertaConfig(**SIZES, vocab_size=50, max_position_embeddings=18, type_vocab_size=1)
BERT = transformers.BertConfig(**SIZES, vocab_size=50, max_position_embeddings=16)
VIT = transformers.ViTConfig(**SIZES, image_size=16, patch_size=8)
PREPARED = {"size": {"height": 16, "width": 16}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def saved(folder: Path, config: Any) -> Path:
    """Save a random network, without what belongs to it."""
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    return folder


def write(path: Path, **values: Any) -> None:
    """Change a JSON file, or make it."""
    before = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**before, **values}))


@pytest.mark.parametrize(
    "config", [ROBERTA, BERT, transformers.GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=50)]
)
def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path, config: Any) -> None:
    folder = saved(tmp_path, config)
    with pytest.raises(SourceError, match=r"no whole tokenizer in the folder .* \(of its files: none\).*vocab.json"):
        load_source(f"hf:{folder}")
    load_source(f"hf:{save_tokenizer(folder, pad=config.pad_token_id or 0)}")


def test_half_a_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path, ROBERTA)
    (folder / "vocab.json").write_text(json.dumps({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4}))
    with pytest.raises(SourceError, match=r"no whole tokenizer .* \(of its files: vocab.json\)"):
        load_source(f"hf:{folder}")
    (folder / "vocab.json").unlink()
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(SourceError, match=r"no whole tokenizer .* \(of its files: tokenizer.json\)"):
        load_source(f"hf:{folder}")


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path, BERT)
    save_tokenizer(folder, " ".join(f"w{i}" for i in range(50)))
    with pytest.raises(SourceError, match=r"tokenizer has 54 tokens, and config.json says vocab_size = 50"):
        load_source(f"hf:{folder}")
    large = saved(tmp_path / "large", transformers.BertConfig(**SIZES, vocab_size=10_000, max_position_embeddings=16))
    with pytest.raises(SourceError, match=r"tokenizer has 7 tokens, and config.json says vocab_size = 10,000"):
        load_source(f"hf:{save_tokenizer(large)}")
    other = save_tokenizer(saved(tmp_path / "roberta", ROBERTA), pad=0)
    with pytest.raises(SourceError, match=r"pads with token 0 \(\[PAD\]\), and the network takes token 1"):
        load_source(f"hf:{other}")


def test_a_config_with_fewer_layers_than_the_weights_is_refused(tmp_path: Path) -> None:
    folder = save_tokenizer(saved(tmp_path, BERT))
    write(folder / "config.json", num_hidden_layers=1)
    with pytest.raises(SourceError, match=r"(?s)does not fit the BertModel.*encoder.layer.1.*: unexpected"):
        load_source(f"hf:{folder}")
    save_file(
        {f"bert.{k}": v for k, v in load_file(folder / "model.safetensors").items()}, folder / "model.safetensors"
    )
    with pytest.raises(SourceError, match=r"(?s)bert.encoder.layer.1.*: unexpected"):
        load_source(f"hf:{folder}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": {"height": 32, "width": 32}}, r"fails on .*\(height 32, width 32.*Input image size"),
        ({"image_mean": [0.5]}, r"gives 1 means and 3 stds, and config.json says num_channels = 3"),
        ({"image_mean": None}, r"preprocessor_config.json: image_mean is absent, .*do_normalize = false"),
        ({"image_std": [0.5, 0, 0.5]}, r"image_std = \[0.5, 0, 0.5\] is none"),
        ({"image_std": "0.5"}, r"image_std = 0.5 is none"),
    ],
)
def test_a_preprocessor_of_another_model_is_refused(tmp_path: Path, changes: Any, message: str) -> None:
    folder = saved(tmp_path, VIT)
    write(folder / "preprocessor_config.json", **PREPARED)
    load_source(f"hf:{folder}")
    write(folder / "preprocessor_config.json", **changes)
    with pytest.raises(SourceError, match=message):
        load_source(f"hf:{folder}")


def test_a_mean_for_all_channels_and_none_at_all(tmp_path: Path) -> None:
    folder = saved(tmp_path, VIT)
    write(folder / "preprocessor_config.json", **PREPARED)
    write(folder / "preprocessor_config.json", image_mean=0.25, image_std=0.5)
    assert getattr(load_source(f"hf:{folder}").card.input, "mean", ()) == (0.25,) * 3
    write(folder / "preprocessor_config.json", image_mean=None, do_normalize=False)
    assert getattr(load_source(f"hf:{folder}").card.input, "mean", ()) == (0.0,) * 3


def test_texts_that_the_network_hardly_knows_are_told(tmp_path: Path) -> None:
    expects = load_source(f"hf:{save_tokenizer(saved(tmp_path, BERT))}").card.input
    assert told_unknown(Rows(["0", "1"], ["good film", "bad film"]), expects) == ""
    told = told_unknown(Rows(["0", "1"], ["\u8fd9\u90e8\u7535\u5f71", "good"]), expects)
    assert told.endswith("of the tokens of these texts are unknown to the network: answers mean little")


def test_files_that_were_not_fetched_or_lack_a_part_are_named(tmp_path: Path) -> None:
    folder = save_tokenizer(saved(tmp_path, BERT))
    weights, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    shard = weights.rename(folder / "model-00001-of-00001.safetensors")
    names = dict.fromkeys(load_file(shard), shard.name)
    index.write_text(json.dumps({"weight_map": names}))
    with pytest.raises(SourceError, match=r"its files lack 'metadata', fetch them again"):
        load_source(f"hf:{folder}")
    index.unlink()
    weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(SourceError, match=r"model.safetensors is a pointer of Git LFS.*git lfs pull"):
        load_source(f"hf:{folder}")
    shard.rename(weights)
    write(folder / "config.json", model_type="nonsense")
    with pytest.raises(SourceError, match="nonsense") as caught:
        load_source(f"hf:{folder}")
    assert len(str(caught.value)) < 400


def test_a_tokenizer_that_fails_on_unknown_words_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path, BERT)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(46))]))
    with pytest.raises(SourceError, match=r"no whole tokenizer .*vocab.txt.*UNK"):
        load_source(f"hf:{folder}")


def test_an_own_network_with_a_table_too_small_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets_of_words.py").write_text(
        "import torch\n"
        "class Words(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.words, self.places = torch.nn.Embedding(7, 4), torch.nn.Embedding(20, 4)\n"
        "    def forward(self, x):\n"
        "        ids = x['input_ids']\n"
        "        return (self.words(ids) + self.places(torch.arange(ids.shape[1]))).mean(1)\n"
    )
    monkeypatch.chdir(tmp_path)
    words, name = save_tokenizer(tmp_path / "words"), "python:nets_of_words:Words"
    assert load_source(name, {"tokenizer": str(words), "max_length": 20}).dim == 4
    with pytest.raises(SourceError, match=r"fails on .*at most 21 tokens"):
        load_source(name, {"tokenizer": str(words), "max_length": 21})
    more = save_tokenizer(tmp_path / "more", "one two three four")
    with pytest.raises(SourceError, match=r"fails on .*at most 20 tokens.*index out of range"):
        load_source(name, {"tokenizer": str(more), "max_length": 20})


@pytest.fixture
def timm_folder(tmp_path: Path) -> Path:
    net = timm.create_model("test_resnet", pretrained=False)
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, tmp_path / "model.safetensors")
    said = {"input_size": [3, 64, 64], "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "tag": "own"}
    write(tmp_path / "config.json", architecture="test_resnet", pretrained_cfg=said)
    return tmp_path


def test_a_folder_of_timm_is_read_as_it_says(timm_folder: Path) -> None:
    weights = str(timm_folder / "model.safetensors")
    expected: Any = load_source("timm:test_resnet", {"weights": weights}).card.input
    assert (expected.height, expected.mean, expected.std) == (64, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    with pytest.raises(SourceError, match=r"config.json is of test_resnet, and timm:test_vit was asked for"):
        load_source("timm:test_vit", {"weights": weights})
    for name in (f"hf:{timm_folder}", f"timm:{timm_folder}"):
        with pytest.raises((SourceError, UsageError), match=r"source='timm:test_resnet weights="):
            load_source(name)


def test_a_card_of_other_channels_is_refused(tmp_path: Path) -> None:
    net = timm.create_model("test_vit", pretrained=False, num_classes=0)
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, tmp_path / "net.safetensors")
    digest = sha256(tmp_path / "net.safetensors")
    plain = {"architecture": "test_vit", "sha256": digest, "interpolation": "bicubic"}
    write(tmp_path / "net.json", **plain, input_size=[3, 160, 160], mean=[0.5] * 3, std=[0.5] * 3)
    assert load_source(f"local:{tmp_path}/net").dim
    write(tmp_path / "net.json", input_size=[1, 160, 160], mean=[0.5], std=[0.5])
    with pytest.raises(SourceError, match=r"fails on .*channels 1"):
        load_source(f"local:{tmp_path}/net")


def test_a_network_that_needs_two_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets_of_groups.py").write_text(
        "import torch\ndef net():\n    return torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.GroupNorm(4, 4))\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=r"fails on .*Expected more than 1 value per channel"):
        load_source("python:nets_of_groups:net", {"vector": True, "dim": 6})
    assert torch.nn.GroupNorm(4, 4)(torch.zeros(2, 4)).shape == (2, 4)
