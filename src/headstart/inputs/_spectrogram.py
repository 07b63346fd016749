"""A sound to be looked at and listened to in a report: its spectrogram as a picture, its beginning as a file."""

from __future__ import annotations

import base64
import io
import wave

import numpy as np
from PIL import Image

from headstart.inputs._sound import Clip, resampled

WIDTH, HEIGHT = 160, 64  # of the picture, in pixels
WINDOW = 512  # samples
RANGE = 80.0  # decibels below the loudest that are told from silence
PLAYED, RATE = 3.0, 8_000  # seconds and samples a second of what is heard


def spectrogram(clip: Clip) -> str:
    """Draw how loud each pitch is over time: low ones below, loud ones bright.

    Args:
        clip: A sound of one channel.

    Returns:
        The data URI of a picture.
    """
    samples = np.pad(clip.samples, (0, max(0, WINDOW - len(clip.samples))))
    starts = np.linspace(0, len(samples) - WINDOW, WIDTH).round().astype(int)
    frames = samples[starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW)  # [W, n]
    bands = np.abs(np.fft.rfft(frames))[:, 1:].reshape(WIDTH, HEIGHT, -1).max(axis=2)  # [W, H]
    loud = 20 * np.log10(np.maximum(bands, 1e-10))
    shades = np.clip(1 + (loud - max(loud.max(), -RANGE)) / RANGE, 0, 1).T[::-1]
    buffer = io.BytesIO()
    Image.fromarray((255 * shades).astype(np.uint8)).save(buffer, "PNG")
    return _uri("image/png", buffer)


def player(clip: Clip) -> str:
    """Write the first three seconds as a small wav file: 8 kHz, the loudest sample at full scale.

    Args:
        clip: A sound of one channel.

    Returns:
        Its data URI.
    """
    start = Clip(clip.samples[: round(PLAYED * clip.rate)], clip.rate)
    samples = resampled(start, min(RATE, clip.rate))
    scaled = samples / max(float(np.abs(samples).max()), 1e-6)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(min(RATE, clip.rate))
        file.writeframes((32767 * np.clip(scaled, -1, 1)).astype("<i2").tobytes())
    return _uri("audio/wav", buffer)


def _uri(kind: str, buffer: io.BytesIO) -> str:
    return f"data:{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
