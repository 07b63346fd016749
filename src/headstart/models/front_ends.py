"""What stands between the samples of a sound and a network: log-mel spectrograms, each as its network was trained on.

They hold no parameters, and their tables are computed anew, so that no artefact holds them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from headstart.core.errors import SourceError, first_few

FLOOR = 1.1920929e-07  # of a bin's power in Kaldi: the smallest step from 1 in float32


def heard(x: torch.Tensor) -> torch.Tensor:
    """Count the samples [B] of padded sounds [B, T] up to the last that is not zero; at least 1."""
    places = torch.arange(1, x.shape[1] + 1, device=x.device)
    return ((x != 0) * places).amax(dim=1).clamp(min=1)


@dataclass(frozen=True)
class Mel:
    """A log-mel spectrogram as TensorFlow makes it: windows and steps in samples, mel bins between two frequencies.

    The logarithm is of the bin plus `offset`. The defaults are those of VGGish and YAMNet (Hershey et al. 2017,
    arXiv:1609.09430).
    """

    sample_rate: int = 16_000
    window_samples: int = 400
    hop_samples: int = 160
    n_fft: int = 512
    n_mels: int = 64
    fmin: float = 125.0
    fmax: float = 7_500.0
    offset: float = 1e-3

    @classmethod
    def of_card(cls, plain: Mapping[str, Any], where: str) -> Mel:
        """Read the front end that a card describes.

        Args:
            plain: Its numbers by name; "log", "window", "spectrum" and "mel" in words.
            where: The card, for messages.

        Returns:
            The spectrogram.

        Raises:
            SourceError: It is another kind, or a number is missing.
        """
        log = re.fullmatch(r"ln\(mel \+ ([0-9.e-]+)\)", str(plain.get("log")))
        kinds = {"window": "periodic Hann", "spectrum": "magnitude", "mel": "HTK mel"}
        others = [name for name, start in kinds.items() if not str(plain.get(name)).startswith(start)]
        names = [name for name in asdict(cls()) if name != "offset"]
        wrong = [name for name in names if not isinstance(plain.get(name), int | float)]
        if log is None or others or wrong:
            listed = first_few([*([] if log else ["log"]), *others, *wrong])
            known = "magnitudes in periodic Hann windows, HTK mel bins, ln(mel + OFFSET)"
            raise SourceError(f"{where}: front_end is not one that is known ({known}): {listed}.")
        return cls(**{name: plain[name] for name in names}, offset=float(log[1]))

    def frames(self, samples: int) -> int:
        """Count the whole windows in so many samples."""
        return max(0, (samples - self.window_samples) // self.hop_samples + 1)

    def filters(self) -> torch.Tensor:  # [n_fft / 2 + 1, n_mels]
        """Make triangles of equal width on HTK's mel scale."""
        pitch = 1127.0 * torch.log1p(torch.linspace(0, self.sample_rate / 2, self.n_fft // 2 + 1).double() / 700.0)
        low, high = (1127.0 * torch.log1p(torch.tensor(f).double() / 700.0) for f in (self.fmin, self.fmax))
        edges = low + (high - low) * torch.linspace(0, 1, self.n_mels + 2).double()
        rising = (pitch[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
        falling = (edges[2:] - pitch[:, None]) / (edges[2:] - edges[1:-1])
        return torch.minimum(rising, falling).clamp(min=0).float()


class LogMel(nn.Module):
    """The spectrogram of `Mel`."""

    filters: torch.Tensor
    window: torch.Tensor

    def __init__(self, mel: Mel) -> None:
        super().__init__()
        self.mel = mel
        self.register_buffer("filters", mel.filters(), persistent=False)
        self.register_buffer("window", torch.hann_window(mel.window_samples), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [B, T] to [B, frames, mels]
        frames = x.unfold(1, self.mel.window_samples, self.mel.hop_samples) * self.window
        return torch.log(torch.fft.rfft(frames, n=self.mel.n_fft).abs() @ self.filters + self.mel.offset)


class WhisperMel(nn.Module):
    """The spectrogram of Whisper (Radford et al. 2022, arXiv:2212.04356, section 2.2): log10 of the power in bins of
    Slaney's mel scale, windows of 25 ms every 10 ms, 8 orders of magnitude below the loudest, scaled to about ±1.
    """

    filters: torch.Tensor
    window: torch.Tensor

    def __init__(self, bins: int) -> None:
        from transformers.audio_utils import mel_filter_bank

        super().__init__()
        filters = mel_filter_bank(201, bins, 0.0, 8_000.0, 16_000, norm="slaney", mel_scale="slaney")
        self.register_buffer("filters", torch.from_numpy(filters).float(), persistent=False)
        self.register_buffer("window", torch.hann_window(400), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [B, T] to [B, bins, T / 160]
        x = torch.cat([x[:, 1:201].flip(1), functional.pad(x, (0, 200))], dim=1)  # silence follows, as up to 30 s
        power = torch.fft.rfft(x.unfold(1, 400, 160)[:, :-1] * self.window).abs().square()
        bins = (power @ self.filters).clamp(min=1e-10).log10()
        loud = bins.amax(dim=(1, 2), keepdim=True)
        return ((torch.maximum(bins, loud - 8) + 4) / 4).transpose(1, 2)


class Fbank(nn.Module):
    """Kaldi's filter banks as the Audio Spectrogram Transformer takes them (Gong et al. 2021, arXiv:2104.01778): log
    power in windows of 25 ms every 10 ms, minus a mean, over twice a deviation; frames after the sound count as 0
    before that.
    """

    filters: torch.Tensor
    window: torch.Tensor

    def __init__(self, bins: int, frames: int, mean: float, std: float) -> None:
        from transformers.audio_utils import mel_filter_bank

        super().__init__()
        self.frames, self.mean, self.std = frames, mean, std
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # its lowest bins are so narrow that some hold nothing
            filters = mel_filter_bank(257, bins, 20, 8_000, 16_000, mel_scale="kaldi", triangularize_in_mel_space=True)
        self.register_buffer("filters", torch.from_numpy(filters).float(), persistent=False)
        self.register_buffer("window", torch.hann_window(400, periodic=False), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [B, T] to [B, frames, bins]
        cut = x.unfold(1, 400, 160)
        cut = cut - cut.mean(dim=2, keepdim=True)
        cut = cut - 0.97 * torch.cat([cut[:, :, :1], cut[:, :, :-1]], dim=2)
        power = torch.fft.rfft(cut * self.window, n=512).abs().square()
        bins = (power @ self.filters).clamp(min=FLOOR).log()
        whole = (heard(x) - 400).div(160, rounding_mode="floor") + 1
        there = torch.arange(bins.shape[1], device=x.device) < whole[:, None]
        bins = functional.pad(bins * there.unsqueeze(2), (0, 0, 0, self.frames - bins.shape[1]))
        return (bins - self.mean) / (2 * self.std)
