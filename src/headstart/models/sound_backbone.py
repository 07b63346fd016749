"""Networks of sounds as backbones: samples in, and inside each its own front end (`models/front_ends.py`)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import nn

from headstart.core.types import Card, Features, Prefix
from headstart.models import stages
from headstart.models.front_ends import Fbank, LogMel, Mel, WhisperMel, heard
from headstart.models.model import Backbone
from headstart.models.pooling import mean_over_tokens
from headstart.models.prefix import prefix_of
from headstart.models.timm_backbone import TimmBackbone


class SpectrogramBackbone(TimmBackbone):
    """A timm network that sees a log-mel spectrogram as a picture [1, frames, mels], of any number of frames."""

    def __init__(self, net: nn.Module, card: Card) -> None:
        super().__init__(net, card)
        self.front_end = LogMel(Mel(**card.architecture["front_end"]))

    def forward(self, x: torch.Tensor) -> Features:  # [B, T]
        return super().forward(self.front_end(x).unsqueeze(1))


class SoundBackbone(Backbone):
    """A network of transformers, whose tokens are pooled over the time in which there is sound."""

    def __init__(self, net: nn.Module, card: Card) -> None:
        super().__init__()
        self.net = net
        self.card = card
        self.dim = int(getattr(net.config, "hidden_size", 0))

    def stages(self) -> dict[str, tuple[str, ...]]:
        return stages.prefixed(stages.from_layers(self.net), "net.")

    def mask_of(self, x: torch.Tensor, count: int) -> torch.Tensor | None:  # [B, count]
        """Find which tokens begin before the end of the sound: they are spread evenly over the samples."""
        kept = -(-heard(x) * count // x.shape[1])
        return (torch.arange(count, device=x.device) < kept[:, None]).long()

    def forward(self, x: torch.Tensor) -> Features:  # [B, T]
        tokens = self.tokens(x)  # [B, T', D]
        mask = self.mask_of(x, tokens.shape[1])
        assert mask is not None
        return Features(pooled=mean_over_tokens(tokens, mask), tokens=tokens, mask=mask)

    @abstractmethod
    def tokens(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the last hidden state."""


class SamplesBackbone(SoundBackbone):
    """wav2vec 2.0, HuBERT and their kin: they take the samples themselves, perhaps of mean 0 and variance 1."""

    def tokens(self, x: torch.Tensor) -> torch.Tensor:
        plain, there = self.card.architecture["front_end"], None
        lengths = heard(x)[:, None]
        inside = torch.arange(x.shape[1], device=x.device) < lengths
        if plain["normalise"]:
            centred = (x - x.sum(dim=1, keepdim=True) / lengths) * inside
            x = centred / (centred.square().sum(dim=1, keepdim=True) / lengths + 1e-7).sqrt()
        if plain["masked"]:
            there = inside.long()
        return self.net(input_values=x, attention_mask=there).last_hidden_state


class WhisperBackbone(SoundBackbone):
    """The encoder of Whisper with as many positions as it hears seconds, 50 for each."""

    def __init__(self, net: nn.Module, card: Card) -> None:
        super().__init__(net, card)
        self.front_end = WhisperMel(card.architecture["front_end"]["bins"])

    def tokens(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(self.front_end(x)).last_hidden_state


class AstBackbone(SoundBackbone):
    """The Audio Spectrogram Transformer: tokens of patches of a spectrogram, and its own pooled ones."""

    def __init__(self, net: nn.Module, card: Card) -> None:
        super().__init__(net, card)
        plain = card.architecture["front_end"]
        self.front_end = Fbank(plain["bins"], plain["frames"], plain["mean"], plain["std"])
        self.prefix: Prefix = prefix_of(net)

    def mask_of(self, x: torch.Tensor, count: int) -> torch.Tensor | None:
        """Keep all tokens, as the network itself does."""
        return None

    def forward(self, x: torch.Tensor) -> Features:  # [B, T]
        out: Any = self.net(input_values=self.front_end(x))
        return Features(pooled=out.pooler_output, tokens=out.last_hidden_state, prefix=self.prefix)
