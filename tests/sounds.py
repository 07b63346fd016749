"""Sounds for tests: tones, their files, and a folder of two classes."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

import numpy as np

RATE = 8_000
FRONT_END = {  # of YAMNet
    "sample_rate": 16_000,
    "window_samples": 400,
    "hop_samples": 160,
    "n_fft": 512,
    "n_mels": 64,
    "fmin": 125.0,
    "fmax": 7_500.0,
    "window": "periodic Hann",
    "spectrum": "magnitude (not power)",
    "mel": "HTK mel, triangular",
    "log": "ln(mel + 0.001)",
    "patch_samples": 15_600,
}


def tone(pitch: float, seconds: float = 0.3, rate: int = RATE) -> np.ndarray:
    """Make a pure tone."""
    return 0.5 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    """Write samples [T] or [T, channels] as the bytes of a file of 16 bits."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(32767 * np.clip(samples, -1, 1)).astype("<i2").tobytes())
    return buffer.getvalue()


def folder_of_tones(root: Path, rows: int = 30) -> Path:
    """Write low/ and high/, tones of different length in noise, half of the rows each."""
    random = np.random.default_rng(0)
    for row in range(rows):
        label, pitch = ("low", 300) if row % 2 else ("high", 1200)
        samples = tone(pitch * random.uniform(0.8, 1.25), random.uniform(0.1, 0.3))
        (root / label).mkdir(parents=True, exist_ok=True)
        (root / label / f"{row}.wav").write_bytes(wav(samples + random.normal(0, 0.1, len(samples))))
    return root


def small_network(folder: Path) -> Path:
    """Save a small network with random weights that sees log-mel spectrograms; its name as `local:` takes it."""
    import timm
    import torch
    from safetensors.torch import save_file

    from headstart.core.storage import sha256

    torch.manual_seed(0)
    net = timm.create_model("test_resnet", num_classes=3, in_chans=1)
    save_file(net.state_dict(), folder / "net.safetensors")
    card = {"architecture": "test_resnet", "kwargs": {"in_chans": 1}, "front_end": FRONT_END}
    card["sha256"] = sha256(folder / "net.safetensors")
    (folder / "net.json").write_text(json.dumps(card))
    return folder / "net"
