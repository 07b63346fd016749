"""Claim: a sound is moved without loss, changed in loudness and noise as far as is said, masked in time and pitch."""

from __future__ import annotations

import numpy as np
import torch

from headstart.inputs.audio import Audio
from headstart.views._sounds import Sounds

NOISE = np.random.default_rng(0).normal(0, 0.1, 1000).astype(np.float32)
QUIET = 1000.0  # decibels that noise is below the sound: none


def shown(sounds: Sounds, raw: np.ndarray, expects: Audio, count: int = 40) -> list[np.ndarray]:
    torch.manual_seed(0)
    return [sounds.show(raw, expects) for _ in range(count)]


def test_a_short_sound_is_moved_without_loss() -> None:
    found = shown(Sounds(shift=0.2, noise=QUIET), NOISE, Audio(2000, 1.0))
    starts = [int(np.flatnonzero(one)[0]) for one in found]
    assert all(np.allclose(one[start : start + 1000], NOISE) for one, start in zip(found, starts, strict=True))
    assert max(starts) <= 400 and len(set(starts)) > 10, "later by up to a fifth of the window; never earlier"
    assert all(one.dtype == np.float32 and len(one) == 2000 for one in found)


def test_gain_and_noise_stay_within_their_bounds() -> None:
    whole = Audio(1000, 1.0)
    gains = [20 * np.log10(one.std() / NOISE.std()) for one in shown(Sounds(gain=6.0, noise=QUIET), NOISE, whole)]
    assert -6 <= min(gains) < -3 and 3 < max(gains) <= 6
    below = [20 * np.log10(NOISE.std() / (one - NOISE).std()) for one in shown(Sounds(noise=20.0), NOISE, whole)]
    assert 19 < min(below) < 25 and 45 < max(below) < 51


def test_time_and_pitch_are_masked_up_to_the_share() -> None:
    whole, masked = Audio(1000, 1.0), Sounds(noise=QUIET, mask=0.2)
    gone = [1 - np.mean(np.abs(np.fft.rfft(one)) > 1e-3) for one in shown(masked, NOISE, whole)]
    assert 0.15 < max(gone) <= 0.201
    lost = [1 - np.sum(one**2) / np.sum(NOISE**2) for one in shown(masked, NOISE, whole)]
    assert min(lost) >= -1e-6 and 0.2 < max(lost) < 0.45, "a fifth of the time, and a fifth of the pitches"
