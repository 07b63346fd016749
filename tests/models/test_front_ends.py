"""Claim: each front end gives the spectrogram that its network was trained on, to the numbers of its own code."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import pytest
import torch

from headstart.core.errors import SourceError
from headstart.models.front_ends import Fbank, LogMel, Mel, WhisperMel, heard
from sounds import FRONT_END, tone

EMPTY_BIN = pytest.mark.filterwarnings("ignore:At least one mel filter")  # of transformers' own code


def noise(rows: int, samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(rows, samples, generator=torch.Generator().manual_seed(0))


def test_a_tone_is_in_the_bin_of_its_pitch_with_the_magnitude_of_its_window() -> None:
    low, high = (1127 * math.log1p(f / 700) for f in (125, 7500))
    centre = 700 * (math.exp((low + 21 * (high - low) / 65) / 1127) - 1)  # of bin 20, counted from 0
    found = LogMel(Mel())(torch.from_numpy(tone(centre, 0.1, 16_000))[None])[0]
    assert found.shape == (Mel().frames(1600), 64) == (8, 64) and (found.argmax(dim=1) == 20).all()
    quiet = LogMel(Mel())(torch.zeros(1, 400))
    assert torch.allclose(quiet, torch.full((1, 1, 64), math.log(1e-3)))
    filters = Mel().filters()
    assert not filters[0].any() and (filters[1:].max(dim=0).values <= 1).all()
    hertz = torch.linspace(0, 8000, 257)
    inside = (hertz > 200) & (hertz < 7000)
    assert torch.allclose(filters[inside].sum(dim=1), torch.ones(int(inside.sum())), atol=1e-5), "triangles add up to 1"


def test_yamnet_is_shown_what_the_reference_computes(shared) -> None:
    pytest.importorskip("soundfile")
    from headstart.inputs.audio import Audio

    spec = importlib.util.spec_from_file_location("frontend", shared("weights/audio/yamnet_frontend_reference.py"))
    assert spec is not None and spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    expects, front_end = Audio(16_000, 0.975), LogMel(Mel.of_card(FRONT_END, "card"))
    files = sorted(shared("data/audio/fsdd/recordings").glob("*.wav"))[::150]
    for file in files:
        sound = torch.from_numpy(expects.example(expects.open(file)))
        assert (front_end(sound[None])[0] - reference.logmel_patch(sound)).abs().max() < 1e-3
    assert len(files) == 20


@pytest.mark.parametrize("wrong", [{"log": "log10"}, {"spectrum": "power"}, {"mel": "Slaney"}, {"n_fft": None}])
def test_another_front_end_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SourceError, match=f"front_end is not one that is known .*: {next(iter(wrong))}"):
        Mel.of_card({**FRONT_END, **wrong}, "small.json")
    assert Mel.of_card(FRONT_END, "small.json") == Mel()


def test_whisper_is_shown_what_its_own_code_computes() -> None:
    from transformers import WhisperFeatureExtractor

    x = noise(2, 16_000)
    x[1, 8_000:] = 0
    own = WhisperFeatureExtractor()([row.numpy() for row in x], sampling_rate=16_000, return_tensors="pt")
    wanted = torch.as_tensor(own["input_features"])[:, :, :100]
    torch.testing.assert_close(WhisperMel(80)(x), wanted, atol=1e-4, rtol=0)


@EMPTY_BIN
def test_ast_is_shown_what_its_own_code_computes() -> None:
    from transformers import ASTFeatureExtractor

    x = noise(2, 16_000)
    x[1, 8_000:] = 0
    own = ASTFeatureExtractor(max_length=120)
    wanted = [own(row.numpy(), sampling_rate=16_000)["input_values"][0] for row in (x[0], x[1, :8_000])]
    found = Fbank(128, 120, own.mean, own.std)(x)
    torch.testing.assert_close(found, torch.from_numpy(np.stack(wanted)), atol=2e-3, rtol=0)


def test_sounds_are_heard_up_to_their_last_sample() -> None:
    x = torch.tensor([[1.0, 0, 2, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
    assert heard(x).tolist() == [3, 1, 4]
