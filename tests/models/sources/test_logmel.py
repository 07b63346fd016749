"""Claim: `logmel:moments` gives the mean and deviation of each mel bin over the sound, whatever silence follows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.core.errors import UsageError
from headstart.core.types import Task
from headstart.models.front_ends import LogMel, Mel
from headstart.models.load import load_source, rebuild
from headstart.models.offers import gather
from headstart.models.sources.logmel import Logmel
from sounds import tone


def test_the_moments_are_those_of_the_spectrogram() -> None:
    backbone = load_source("logmel:moments", {"seconds": 0.2})
    x = torch.from_numpy(tone(440.0, 0.2, 16_000))[None]
    spectrum = LogMel(Mel())(x)[0].double().numpy()
    wanted = np.concatenate([spectrum.mean(axis=0), np.sqrt(spectrum.var(axis=0) + 1e-8)])
    np.testing.assert_allclose(backbone(x)["pooled"][0].numpy(), wanted, atol=1e-4)
    assert backbone.dim == 128 and list(backbone.parameters()) == [] and rebuild(backbone.card).card == backbone.card


def test_silence_behind_a_sound_counts_nowhere() -> None:
    sound = torch.from_numpy(tone(440.0, 0.2, 16_000))[:3120]  # 18 whole windows, and two that hold its end
    backbone = load_source("logmel:moments", {"seconds": 1.0})
    padded = torch.nn.functional.pad(sound[None], (0, 16_000 - 3120))
    inside = backbone.front_end(padded)[0, :20]  # pyright: ignore[reportCallIssue]
    wanted = torch.cat([inside.mean(dim=0), (inside.var(dim=0, correction=0) + 1e-8).sqrt()])
    torch.testing.assert_close(backbone(padded)["pooled"][0], wanted)
    assert torch.isfinite(backbone(torch.zeros(1, 16_000))["pooled"]).all()


def test_it_is_offered_for_sounds_and_needs_to_know_their_length() -> None:
    with pytest.raises(UsageError, match="needs sounds"):
        load_source("logmel:moments")
    with pytest.raises(UsageError, match="moments"):
        load_source("logmel:means")
    sounds, texts = (Task.of(kind, "binary", ("x",), ("y",), ("a", "b")) for kind in ("audio", "text"))
    assert [offer.source for offer in Logmel.offers(sounds, [])] == ["logmel:moments"] and not Logmel.offers(texts, [])
    assert gather(sounds, [])[-1].source == "logmel:moments"
