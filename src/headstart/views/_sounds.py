"""A sound that is heard later or earlier, louder or softer, through noise, and without some of its time and pitches.

Masks of time and frequency are those of SpecAugment (Park et al. 2019, arXiv:1904.08779), laid on the samples and on
their Fourier transform, so that networks of samples and of spectrograms are shown the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.inputs.audio import Audio


@dataclass(frozen=True)
class Sounds:
    """Most of each change.

    shift: by which a sound is moved, as a share of what the network hears. gain: in decibels, up or down. noise: the
    least decibels that white noise is below the sound; it is up to 30 lower. mask: the share of the time, and that of
    the pitches, that is silenced.
    """

    shift: float = 0.0
    gain: float = 0.0
    noise: float = 0.0
    mask: float = 0.0

    def show(self, raw: np.ndarray, expects: Audio) -> np.ndarray:  # [samples]
        """Make one example."""
        moved, louder, quiet, *masked = _uniform(7)
        made = raw * np.float32(10 ** (self.gain * (2 * louder - 1) / 20))
        level = np.sqrt(np.mean(made**2)) * 10 ** (-(self.noise + 30 * quiet) / 20)
        made = made + np.float32(level) * _normal(len(made))
        if self.mask:
            made = _without(made, self.mask * masked[0], masked[1])
            pitches = _without(np.fft.rfft(made), self.mask * masked[2], masked[3])
            made = np.fft.irfft(pitches, len(made))
        later = round((2 * moved - 1) * self.shift * expects.samples)
        return expects.window(made.astype(np.float32), later)


def _without(values: np.ndarray, share: float, place: float) -> np.ndarray:
    """Set a stretch to zero, of a share of the length, at a place from 0 (the start) to 1 (the end)."""
    width = round(share * len(values))
    start = round(place * (len(values) - width))
    made = values.copy()
    made[start : start + width] = 0
    return made


def _uniform(count: int) -> list[float]:
    import torch

    return torch.rand(count).tolist()


def _normal(count: int) -> np.ndarray:
    import torch

    return torch.randn(count).numpy()
