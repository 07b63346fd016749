"""Claim: `hf:` reads networks of sounds from folders, and gives what transformers' own code makes of a sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from headstart.core.errors import SourceError, UsageError
from headstart.inputs.audio import Audio
from headstart.models.load import load_source
from headstart.models.operate import operate
from headstart.models.taps import channel_axes, stage_shapes
from models.contract import check_backbone

SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 37,
    "conv_dim": (8, 8),
    "conv_stride": (5, 4),
    "conv_kernel": (10, 8),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
CONFIGS = {
    "wav2vec2": transformers.Wav2Vec2Config(**SMALL),
    "hubert": transformers.HubertConfig(**SMALL),
    "wavlm": transformers.WavLMConfig(**SMALL),
    "whisper": transformers.WhisperConfig(
        d_model=32, encoder_layers=3, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=37, decoder_ffn_dim=37, num_mel_bins=80, vocab_size=99, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, decoder_start_token_id=1,
    ),
    "audio-spectrogram-transformer": transformers.ASTConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=37, max_length=120,
        num_mel_bins=128,
    ),
}  # fmt: skip

EMPTY_BIN = pytest.mark.filterwarnings("ignore:At least one mel filter")  # of transformers' own code


def saved(folder: Path, kind: str, **preprocessor: Any) -> Path:
    torch.manual_seed(0)
    transformers.AutoModel.from_config(CONFIGS[kind]).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 16_000, **preprocessor}))
    return folder


def noise(rows: int, samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(rows, samples, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_network_of_sounds_is_a_backbone(tmp_path: Path, kind: str) -> None:
    backbone = load_source(f"hf:{saved(tmp_path, kind)}", {"seconds": 0.5})
    check_backbone(backbone, noise(2, 8_000), 2)
    assert backbone.card.input == Audio(16_000, 0.5) and backbone.card.family == kind
    assert [name for name in backbone.stages() if name.startswith("layers")] == ["layers.0", "layers.1", "layers.2"]
    assert not any("decoder" in name for name, _ in backbone.named_parameters())
    silent = backbone(torch.zeros(2, 8_000))
    assert torch.isfinite(silent["pooled"]).all()
    cut = operate(backbone, ["cut after=layers.1"]).backbone.eval()
    assert torch.isfinite(cut(noise(2, 8_000))["pooled"]).all()


@pytest.mark.parametrize("masked", [True, False])
def test_networks_of_samples_see_what_their_own_code_sees(tmp_path: Path, masked: bool) -> None:
    backbone = load_source(f"hf:{saved(tmp_path, 'wav2vec2', return_attention_mask=masked)}", {"seconds": 0.5}).eval()
    own = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=masked)
    net = transformers.AutoModel.from_pretrained(tmp_path).eval()
    x = noise(2, 8_000) + 0.02
    x[1, 4_000:] = 0
    alone = [own(row.numpy(), sampling_rate=16_000)["input_values"][0] for row in (x[0], x[1, :4_000])]
    given = pad_sequence([torch.as_tensor(row) for row in alone], batch_first=True)
    there = (torch.arange(8_000) < torch.tensor([[8_000], [4_000]])).long()
    wanted = net(given, attention_mask=there if masked else None).last_hidden_state
    found = backbone(x)
    torch.testing.assert_close(found["tokens"], wanted, atol=1e-4, rtol=0)
    kept = -(-4_000 * wanted.shape[1] // 8_000)
    torch.testing.assert_close(found["pooled"][1], wanted[1, :kept].mean(dim=0), atol=1e-4, rtol=0)
    torch.testing.assert_close(found["pooled"][0], wanted[0].mean(dim=0), atol=1e-4, rtol=0)


def test_whisper_hears_a_short_sound_with_its_first_positions(tmp_path: Path) -> None:
    folder = saved(tmp_path, "whisper")
    short, whole = (load_source(f"hf:{folder}", options).eval() for options in ({"seconds": 0.51}, {}))
    assert (short.card.input, whole.card.input) == (Audio(16_000, 0.52), Audio(16_000, 30.0))
    given, full = short.state_dict(), whole.state_dict()
    assert torch.equal(given["net.embed_positions.weight"], full["net.embed_positions.weight"][:26])
    own = transformers.WhisperFeatureExtractor()
    x = noise(1, 16_000 * 30)
    mel = own(x[0].numpy(), sampling_rate=16_000, return_tensors="pt")["input_features"]
    net = transformers.AutoModel.from_pretrained(folder).eval()
    torch.testing.assert_close(whole(x)["tokens"], net.get_encoder()(mel).last_hidden_state, atol=1e-3, rtol=0)
    found = short(pad(noise(1, 4_160), (0, 4_160)))
    assert found["mask"].sum() == 13 and found["tokens"].shape == (1, 26, 32)
    torch.testing.assert_close(found["pooled"], found["tokens"][:, :13].mean(dim=1))
    with pytest.raises(UsageError, match="seconds must be at most 30"):
        load_source(f"hf:{folder}", {"seconds": 31.0})


@EMPTY_BIN
def test_ast_sees_what_its_own_code_sees(tmp_path: Path) -> None:
    kind = "audio-spectrogram-transformer"
    backbone = load_source(f"hf:{saved(tmp_path, kind, mean=-4.0, std=4.0)}").eval()
    own = transformers.ASTFeatureExtractor(max_length=120, mean=-4.0, std=4.0)
    x = noise(1, backbone.card.input.samples)  # pyright: ignore[reportAttributeAccessIssue]
    given = own(x[0].numpy(), sampling_rate=16_000, return_tensors="pt")
    wanted = transformers.AutoModel.from_pretrained(tmp_path).eval()(**given)
    torch.testing.assert_close(backbone(x)["pooled"], wanted.pooler_output, atol=1e-3, rtol=0)
    assert x.shape == (1, 119 * 160 + 400)


def test_silence_behind_a_sound_changes_no_pooled_feature_after_a_cut(tmp_path: Path) -> None:
    backbone = load_source(f"hf:{saved(tmp_path, 'wav2vec2', return_attention_mask=True)}", {"seconds": 0.5})
    cut = operate(backbone, ["cut after=layers.1"]).backbone.eval()
    x = pad(noise(1, 4_000), (0, 4_000))
    found = cut(x)
    assert found["mask"].sum() == -(-4_000 * found["tokens"].shape[1] // 8_000)
    torch.testing.assert_close(found["pooled"], found["tokens"][:, : int(found["mask"].sum())].mean(dim=1))


def test_stages_are_those_that_give_a_batch(tmp_path: Path) -> None:
    backbone = load_source(f"hf:{saved(tmp_path, 'whisper')}", {"seconds": 0.5})
    layers = ["layers.0", "layers.1", "layers.2", "final"]  # embeddings end with those of positions, [25, 32]
    assert list(channel_axes(backbone)) == layers
    assert stage_shapes(backbone) == dict.fromkeys(layers, (1, 25, 32))


def test_training_masks_nothing_by_numpys_generator(tmp_path: Path) -> None:
    quiet: dict[str, Any] = {
        "hidden_dropout": 0.0,
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
        "feat_proj_dropout": 0.0,
    }
    config = transformers.Wav2Vec2Config(**SMALL, **quiet, mask_time_prob=0.9, layerdrop=0.5)
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path)
    backbone = load_source(f"hf:{tmp_path}", {"seconds": 0.5})
    x = noise(2, 8_000)
    torch.testing.assert_close(backbone.train()(x)["pooled"], backbone.eval()(x)["pooled"])


def test_another_rate_is_refused_where_the_front_end_has_its_own(tmp_path: Path) -> None:
    folder = saved(tmp_path, "whisper", sampling_rate=8_000)
    with pytest.raises(SourceError, match="whisper of 8,000 Hz"):
        load_source(f"hf:{folder}")
