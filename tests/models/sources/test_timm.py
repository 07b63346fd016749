"""`timm:`: weights are loaded exactly, from a local file or a pinned, native file of the hub."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file

from headstart.core.errors import SourceError, UsageError
from headstart.inputs.image import Image
from headstart.models import hub, timm_backbone
from headstart.models.load import load_source
from headstart.models.sources.timm import Timm
from models.contract import check_backbone

NAME = "test_resnet"


def _saved(path, name=NAME, **changes):
    whole = timm.create_model(name, num_classes=7).eval()
    tensors = {**whole.state_dict(), **changes}
    save_file({k: v.contiguous() for k, v in tensors.items() if v is not None}, path)
    return whole


@pytest.mark.parametrize(
    ("name", "kind"),
    [("test_resnet", "maps"), ("test_vit", "tokens"), ("test_convnext", "maps"), ("mobilenetv3_small_050", "maps")],
)
def test_contract(name, kind):
    backbone = load_source(f"timm:{name}", {"pretrained": False})
    expected = backbone.card.input
    assert isinstance(expected, Image)
    x = torch.rand(2, expected.channels, expected.height, expected.width)
    check_backbone(backbone, x, 2)
    features = backbone(x)
    assert kind in features
    if kind == "maps":
        assert features["maps"][0].ndim == 4


def test_channels_come_first_in_the_maps_of_swin():
    backbone = load_source("timm:swin_tiny_patch4_window7_224", {"pretrained": False}).eval()
    with torch.no_grad():
        features = backbone(torch.rand(1, 3, 224, 224))
    assert features["maps"][0].shape == (1, 768, 7, 7)
    assert torch.allclose(features["maps"][0].mean(dim=(2, 3)), features["pooled"], atol=1e-5)


def test_local_weights_give_the_same_features_as_the_whole_network(tmp_path):
    whole = _saved(tmp_path / "w.safetensors")
    backbone = load_source(f"timm:{NAME}", {"weights": str(tmp_path / "w.safetensors")}).eval()
    x = torch.rand(2, 3, 160, 160)
    with torch.no_grad():
        expected = whole.forward_head(whole.forward_features(x), pre_logits=True)  # pyright: ignore[reportCallIssue]
        assert torch.equal(backbone(x)["pooled"], expected)
    assert len(backbone.card.sha256) == 64
    assert backbone.card.labels == ()  # seven classes of who knows what


def test_weights_that_do_not_fit_are_listed(tmp_path):
    _saved(tmp_path / "w.safetensors", **{"bn1.bias": None, "extra": torch.ones(1), "conv1.0.weight": torch.ones(2)})
    with pytest.raises(SourceError) as caught:
        load_source(f"timm:{NAME}", {"weights": str(tmp_path / "w.safetensors")})
    for part in ("bn1.bias: missing", "extra: unexpected"):
        assert part in str(caught.value)


def test_a_pickle_is_refused_unread(tmp_path):
    (tmp_path / "w.pth").write_bytes(pickle.dumps({}))
    with pytest.raises(SourceError, match="was not read"):
        load_source(f"timm:{NAME}", {"weights": str(tmp_path / "w.pth")})


def test_from_the_hub_pinned(tmp_path, monkeypatch):
    folder = tmp_path / "commit1"
    folder.mkdir()
    whole = timm.create_model(NAME).eval()
    save_file(whole.state_dict(), folder / "model.safetensors")
    asked = []

    def fetch(repository, wanted, revision):
        asked.append((repository, wanted, revision))
        return hub.Snapshot(folder, "commit1")

    monkeypatch.setattr(hub, "fetch", fetch)
    backbone = load_source(f"timm:{NAME}.r160_in1k", {"revision": "v2"})
    assert asked == [(f"timm/{NAME}.r160_in1k", ["model.safetensors"], "v2")]
    assert backbone.card.revision == "commit1"
    assert backbone.card.labels[1].startswith("goldfish")
    assert torch.equal(backbone.state_dict()["net.conv1.0.weight"], whole.state_dict()["conv1.0.weight"])


def test_names_that_are_wrong():
    with pytest.raises(UsageError, match="Did you mean 'resnet18'"):
        load_source("timm:resnt18")
    with pytest.raises(UsageError, match="Invalid pretrained tag"):
        load_source("timm:resnet18.nonsense")
    assert "resnet18.a1_in1k" in Timm().names("resnet18")


@pytest.mark.parametrize("option", ["checkpoint_path", "pretrained", "pretrained_cfg_overlay"])
def test_a_card_cannot_make_timm_read_a_file(tmp_path, option):
    card = load_source(f"timm:{NAME}", {"pretrained": False}).card
    evil = replace(card, architecture={"name": NAME, "options": {option: str(tmp_path / "evil.pth")}})
    with pytest.raises(SourceError, match=f"must not set {option}"):
        timm_backbone.rebuild(evil)
    with pytest.raises(UsageError, match="There is no timm model"):
        timm_backbone.create({"name": f"local-dir:{tmp_path}"})


def test_options_that_timm_does_not_know():
    with pytest.raises(SourceError, match="cannot build"):
        timm_backbone.create({"name": NAME, "options": {"nonsense": 3}})
    with pytest.raises(SourceError, match="channel_multiplier is known for"):
        timm_backbone.create({"name": NAME, "options": {"channel_multiplier": 0.5}})
