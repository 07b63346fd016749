"""Class, distillation and register tokens are told from patches: "mean" leaves them out, "cls" wants the first."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
import transformers

import headstart as hs
import toys
from headstart.core.errors import UsageError
from headstart.core.types import Prefix
from headstart.models.hf_backbone import VisionBackbone
from headstart.models.pooling import pool
from headstart.models.prefix import prefix_of
from models.surgery.patients import patient_after, tiny_bert, tiny_vit

SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "image_size": 32,
    "patch_size": 8,
}


def features_of(backbone: Any, size: int) -> Any:
    """Compute the features of two random images."""
    with torch.no_grad():
        return backbone.eval()(torch.rand(2, 3, size, size))


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("deit_tiny_distilled_patch16_224", ("class", "distillation")),
        ("vit_small_patch14_reg4_dinov2", ("class", *["register"] * 4)),
        ("vit_medium_patch16_reg4_gap_256", ("register",) * 4),
        ("vit_base_patch16_siglip_224", ()),
        ("test_vit4", ("register",)),
        ("xcit_nano_12_p16_224", ("class",)),  # says no number
        ("test_resnet", ()),
    ],
)
def test_tokens_of_timm_are_known(name: str, prefix: tuple[str, ...]) -> None:
    with torch.device("meta"):
        net: Any = timm.create_model(name, num_classes=0)
    assert prefix_of(net, getattr(net, "num_prefix_tokens", None)) == prefix


@pytest.mark.parametrize(
    ("config", "prefix"),
    [
        (transformers.ViTConfig(**SMALL), ("class",)),
        (transformers.DeiTConfig(**SMALL), ("class", "distillation")),
        (transformers.Dinov2WithRegistersConfig(**SMALL, num_register_tokens=3), ("class", *["register"] * 3)),
        (transformers.CLIPVisionConfig(**SMALL), ("class",)),
        (transformers.SiglipVisionConfig(**SMALL), ()),
    ],
)
def test_tokens_of_transformers_are_known(config: Any, prefix: tuple[str, ...]) -> None:
    net = transformers.AutoModel.from_config(config)
    assert prefix_of(net) == prefix
    with torch.no_grad():
        tokens = net(pixel_values=torch.zeros(1, 3, 32, 32)).last_hidden_state
    assert tokens.shape[1] == 16 + len(prefix)  # the rest are the patches


def test_the_mean_of_timm_is_that_of_the_patches() -> None:
    backbone = toys.source("timm:test_vit")
    features = features_of(backbone, 160)
    assert features["prefix"] == ("class",) == backbone.prefix
    assert torch.equal(pool(features, "mean"), features["tokens"][:, 1:].mean(dim=1))
    assert torch.equal(pool(features, "cls"), features["tokens"][:, 0])
    assert torch.equal(pool(features, "auto"), features["pooled"])


def test_the_mean_of_transformers_is_that_of_the_patches(tmp_path: Any) -> None:
    backbone = tiny_vit(tmp_path / "vit")
    assert isinstance(backbone, VisionBackbone)
    features = features_of(backbone, 32)
    assert torch.equal(pool(features, "mean"), features["tokens"][:, 1:].mean(dim=1))
    assert torch.equal(pool(features, "auto"), features["tokens"][:, 0])


def test_a_text_has_no_patches(tmp_path: Any) -> None:
    backbone = tiny_bert(tmp_path / "bert").eval()
    x = {"input_ids": torch.randint(3, 13, (2, 4)), "attention_mask": torch.ones(2, 4, dtype=torch.long)}
    features = backbone(x)
    assert "prefix" not in features
    assert torch.allclose(pool(features, "mean"), features["tokens"].mean(dim=1), atol=1e-6)
    assert torch.equal(pool(features, "cls"), features["tokens"][:, 0])


def test_what_the_tokens_are_not_is_refused() -> None:
    tokens, pooled = torch.rand(2, 3, 4), torch.rand(2, 4)
    prefixes: list[Prefix] = [(), ("register", "register")]
    for prefix in prefixes:
        with pytest.raises(UsageError, match="'cls' needs a backbone with a class token, and this one has none"):
            pool({"pooled": pooled, "tokens": tokens, "prefix": prefix}, "cls")
    with pytest.raises(UsageError, match="'mean' needs a backbone that gives tokens of patches"):
        pool({"pooled": pooled, "tokens": tokens[:, :1], "prefix": ("class",)}, "mean")


@pytest.mark.parametrize(
    ("source", "pooling", "message"),
    [
        ("timm:test_vit4", "cls", "with a class token"),  # registers alone
        ("timm:test_resnet", "mean", "that gives tokens"),
    ],
)
def test_a_run_says_so_before_it_trains(source: str, pooling: str, message: str, tmp_path: Any) -> None:
    source = f"{source} pretrained=false"
    data, events = toys.dataset(hs.source(source).card.input), []
    with pytest.raises(UsageError, match=message):
        hs.fit(data, source=source, head=f"linear pooling={pooling}", out=tmp_path / "run", listen=events.append)
    assert not any(event.kind in ("stage", "step") for event in events)


@pytest.mark.parametrize("kind", ["mean", "max", "cls", "auto"])
def test_a_cut_network_pools_alike(kind: str, tmp_path: Any) -> None:
    cut = patient_after(tiny_vit(tmp_path / "vit"), f"cut after=layers.0 pool={kind}")
    features = features_of(cut, 32)
    patches = features["tokens"][:, 1:]
    expected = {"mean": patches.mean(dim=1), "max": patches.amax(dim=1)}.get(kind, features["tokens"][:, 0])
    assert torch.equal(features["pooled"], expected)
    assert features["prefix"] == ("class",)
    assert torch.equal(pool(features, "mean"), patches.mean(dim=1))
